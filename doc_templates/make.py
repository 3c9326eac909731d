"""Write the first draft of every Word template in this folder, in house style (GB/T 9704-2012).

The .docx files are the originals that people go on to edit in Word or WPS; this script only saves drawing styles, margins and
page numbers by hand. A kind is a module with ``body()``, and, where they differ from the usual, ``PROFILE`` and ``PAGE``.
``python doc_templates/make.py [FOLDER]``
"""

from __future__ import annotations

import sys
from pathlib import Path

from drafts.kinds import (
    approval,
    certificate,
    circular,
    commitment,
    decision,
    duty_report,
    letter,
    minutes,
    notice,
    official,
    plaque,
    printing_notice,
    public_notice,
    rectification,
    reply,
    report,
    request,
    responsibility_letter,
)
from drafts.package import PAGE, package

HERE = Path(__file__).parent
KINDS = {
    "公文": official,
    "通知": notice,
    "印发通知": printing_notice,
    "通报": circular,
    "决定": decision,
    "批复": reply,
    "请示": request,
    "报告": report,
    "函": letter,
    "纪要": minutes,
    "责任书": responsibility_letter,
    "承诺书": commitment,
    "整改通知书": rectification,
    "述职报告": duty_report,
    "公示": public_notice,
    "审批单": approval,
    "荣誉证书": certificate,
    "承诺监督牌": plaque,
}


def main(out: Path = HERE) -> None:
    for name, kind in KINDS.items():
        profile = getattr(kind, "PROFILE", "其他文书")
        page = getattr(kind, "PAGE", PAGE)
        (out / f"{name}.docx").write_bytes(package(kind.body(), name, profile=profile, page=page))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
