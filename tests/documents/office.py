"""LibreOffice with a profile of its own, and macros in its own Basic: no bridge to Python is needed."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

LIBRARIES = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:libraries PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "libraries.dtd">
<library:libraries xmlns:library="http://openoffice.org/2000/library" xmlns:xlink="http://www.w3.org/1999/xlink">
 <library:library library:name="Standard" xlink:href="$(USER)/basic/Standard/script.xlb/" xlink:type="simple"
  library:link="false"/>
</library:libraries>"""
LIBRARY = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE library:library PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "library.dtd">
<library:library xmlns:library="http://openoffice.org/2000/library" library:name="Standard" library:readonly="false"
 library:passwordprotected="false"><library:element library:name="Tests"/></library:library>"""
MODULE = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE script:module PUBLIC "-//OpenOffice.org//DTD OfficeDocument 1.0//EN" "module.dtd">
<script:module xmlns:script="http://openoffice.org/2000/script" script:name="Tests" script:language="StarBasic">
Sub Verify(source As String, report As String)
  Dim format(0) As New com.sun.star.beans.PropertyValue
  format(0).Name = "StorageFormat"
  format(0).Value = "ZipFormat"
  factory = createUnoService("com.sun.star.embed.StorageFactory")
  storage = factory.createInstanceWithArguments(Array(ConvertToURL(source), 1, format()))
  service = com.sun.star.security.DocumentDigitalSignatures.createWithVersion("1.2")
  found = service.verifyDocumentContentSignatures(storage, Nothing)
  file = FreeFile
  Open report For Output As #file
  For i = LBound(found) To UBound(found)
    Print #file, CStr(found(i).SignatureIsValid) &amp; ";" &amp; found(i).Signer.SubjectName &amp; ";" &amp; found(i).SignatureLineId
  Next
  Close #file
End Sub
' LibreOffice 7.4 leaves autoSpaceDE, autoSpaceDN and overflowPunct in a .docx unread, so they are switched off here.
Sub Typeset(folder As String, count As Integer)
  Dim hidden(0) As New com.sun.star.beans.PropertyValue
  hidden(0).Name = "Hidden"
  hidden(0).Value = True
  Dim filter(0) As New com.sun.star.beans.PropertyValue
  filter(0).Name = "FilterName"
  filter(0).Value = "writer_pdf_Export"
  For number = 0 To count - 1
    document = StarDesktop.loadComponentFromURL(ConvertToURL(folder &amp; "/" &amp; number &amp; ".docx"), "_blank", 0, hidden())
    styles = document.StyleFamilies.getByName("ParagraphStyles")
    For i = 0 To styles.Count - 1
      styles.getByIndex(i).ParaIsCharacterDistance = False
      styles.getByIndex(i).ParaIsHangingPunctuation = False
    Next
    document.storeToURL(ConvertToURL(folder &amp; "/" &amp; number &amp; ".pdf"), filter())
    document.close(True)
  Next
End Sub
</script:module>"""


class Office:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run("--terminate_after_init")  # the first start makes a profile and would write over the macros
        basic = folder / "profile/user/basic"
        (basic / "Standard").mkdir(parents=True, exist_ok=True)
        (basic / "script.xlc").write_text(LIBRARIES)
        (basic / "Standard/script.xlb").write_text(LIBRARY)
        (basic / "Standard/Tests.xba").write_text(MODULE)

    def run(self, *arguments: str) -> None:
        profile = f"-env:UserInstallation=file://{self.folder}/profile"
        command = ["soffice", "--headless", profile, *arguments]
        subprocess.run(command, capture_output=True, timeout=150, check=True)

    def verify(self, docx: bytes) -> list[list[str]]:
        """[valid, signer, line id] of every signature."""
        source, report = self.folder / "source.docx", self.folder / "report.txt"
        source.write_bytes(docx)
        report.unlink(missing_ok=True)
        self.run(f'macro:///Standard.Tests.Verify("{source}","{report}")')
        return [line.split(";") for line in report.read_text().splitlines()]

    def pdf(self, documents: Mapping[str, bytes]) -> dict[str, bytes]:
        """All of them in one run: a start takes longer than a document."""
        for number, docx in enumerate(documents.values()):
            (self.folder / f"{number}.docx").write_bytes(docx)
        self.run(f'macro:///Standard.Tests.Typeset("{self.folder}",{len(documents)})')
        return {name: (self.folder / f"{number}.pdf").read_bytes() for number, name in enumerate(documents)}
