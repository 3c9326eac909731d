"""The fonts of official documents: where they are, and the fontconfig file that maps the names in Word templates to them.

GB/T 9704-2012 names 仿宋, 楷体, 黑体 and 小标宋; offices own licensed ones, a fresh machine has none. So a name stands for a chain: the
licensed font of that name or of a maker's equivalent where one is installed, else the Fandol font of the same style (GPL with the
font exception, all of GB2312), and behind it Noto CJK (OFL) for the rarer characters of names. Set-up fetches these files;
this module, which set-up also loads, knows the standard library only.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
import unicodedata
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape


class Style(NamedTuple):
    """One style of GB/T 9704: the names it goes by, and what stands in where none of them is installed."""

    names: tuple[str, ...]
    house: str
    behind: str = "Noto Serif CJK SC"


STYLES = (
    Style(
        (
            "仿宋_GB2312",
            "FangSong_GB2312",
            "仿宋",
            "FangSong",
            "方正仿宋_GBK",
            "FZFangSong-Z02",
            "华文仿宋",
            "STFangsong",
        ),
        "FandolFang",
    ),
    Style(
        ("楷体_GB2312", "KaiTi_GB2312", "楷体", "KaiTi", "方正楷体_GBK", "FZKai-Z03", "华文楷体", "STKaiti"),
        "FandolKai",
    ),
    Style(
        ("方正小标宋简体", "FZXiaoBiaoSong-B05S", "方正小标宋_GBK", "FZXiaoBiaoSong-B05", "小标宋"),
        "FandolBiaosong",
    ),
    Style(("黑体", "SimHei", "方正黑体_GBK", "FZHei-B01"), "FandolHei", "Noto Sans CJK SC"),
    Style(("宋体", "SimSun", "新宋体", "NSimSun", "方正书宋_GBK", "FZShuSong-Z01"), "FandolSong"),
)

FILES = {
    # Debian package -> what is kept of it: path in the package -> name in the font directory
    "texlive-lang-chinese": {
        f"usr/share/{path}": f"fandol/{path.rsplit('/', 1)[1]}"
        for path in (
            *(
                f"texlive/texmf-dist/fonts/opentype/public/fandol/Fandol{face}.otf"
                for face in ("Fang-Regular", "Kai-Regular", "Hei-Regular", "Song-Regular", "Song-Bold")
            ),
            "doc/texlive-doc/fonts/fandol/COPYING.gz",
            "doc/texlive-doc/fonts/fandol/README",
        )
    },
    "fonts-noto-cjk": {
        **{
            f"usr/share/fonts/opentype/noto/{name}": f"noto/{name}"
            for name in ("NotoSerifCJK-Regular.ttc", "NotoSerifCJK-Bold.ttc", "NotoSansCJK-Regular.ttc")
        },
        "usr/share/doc/fonts-noto-cjk/copyright": "noto/copyright",
    },
}

# Fandol draws these brackets bold in its regular faces; left out here, Noto's thin ones are taken.
_HEAVY_BRACKETS = "〈〉《》【】"


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(home) / "lvze"


def font_directory() -> Path:
    """Where the fonts are: ``LVZE_FONTS``, else ``lvze/fonts`` in the user's cache, which set-up fills."""
    return Path(os.environ.get("LVZE_FONTS") or _cache() / "fonts").absolute()


def missing_files() -> dict[str, list[str]]:
    """Debian package -> files of it that the font directory lacks. A directory that ``LVZE_FONTS`` names is taken as it is."""
    if os.environ.get("LVZE_FONTS"):
        return {}
    directory = font_directory()
    lacking = {
        package: [name for name in files.values() if not (directory / name).is_file()]
        for package, files in FILES.items()
    }
    return {package: names for package, names in lacking.items() if names}


def _configuration(directory: Path, caches: Path) -> str:
    def alias(name: str, style: Style) -> str:
        others = (
            *(other for other in style.names if other != name),
            style.house,
            style.behind,
            "Noto Serif CJK SC",
        )
        accepted = "".join(f"<family>{other}</family>" for other in dict.fromkeys(others))
        return f'  <alias binding="same"><family>{name}</family><accept>{accepted}</accept></alias>'

    aliases = "\n".join(alias(name, style) for style in STYLES for name in style.names)
    brackets = "".join(f"<int>0x{ord(character):x}</int>" for character in _HEAVY_BRACKETS)
    thin = "\n".join(
        f"""  <match target="scan">
    <test name="fullname"><string>{face}</string></test>
    <edit name="charset" mode="assign"><minus><name>charset</name><charset>{brackets}</charset></minus></edit>
  </match>"""
        for face in ("FandolFang R", "FandolKai", "FandolSong")
    )
    return f"""<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <cachedir>{escape(str(caches))}</cachedir>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>{escape(str(directory))}</dir>
  <!-- Fandol gives its bold Song the family and the weight of the regular one: a family of its own tells them apart. -->
  <match target="scan">
    <test name="fullname"><string>FandolSong Bold</string></test>
    <edit name="family" mode="assign"><string>FandolBiaosong</string></edit>
  </match>
{thin}
{aliases}
</fontconfig>
"""


def fontconfig_file() -> Path:
    """The fontconfig file for ``font_directory()``, written where it is not there yet.

    Its name carries its digest, and so does its cache of scanned fonts: a changed rule never meets an old cache.
    """
    directory = font_directory()
    digest = hashlib.sha256(_configuration(directory, Path()).encode()).hexdigest()[:16]
    folder = _cache() / "fontconfig"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:  # a service account without a home
        folder = Path(tempfile.gettempdir()) / f"lvze-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{digest}.conf"
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=folder, delete=False, encoding="utf-8") as stream:
            stream.write(_configuration(directory, folder / digest))
        Path(stream.name).replace(path)
    return path


def use() -> None:
    """Make this process and its children use these fonts. Call it before WeasyPrint is imported.

    A ``FONTCONFIG_FILE`` that is already in the environment is the administrator's choice and stays.
    """
    os.environ.setdefault("FONTCONFIG_FILE", str(fontconfig_file()))


GETA = "〓"  # printers' sign for a character that no font has

_UNSEEN = {"Zs", "Zl", "Zp", "Cc", "Cf"}  # categories that are not drawn


@cache
def _drawable() -> frozenset[int]:
    """Code points that any font has which Pango can use: it searches them all for what a font and those behind it lack."""
    use()
    fonts = subprocess.run(
        ["fc-list", "--format=%{fontformat}:%{charset}\\n"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    charsets = {line.partition(":")[2] for line in fonts if line.startswith(("TrueType:", "CFF:"))}
    return frozenset().union(*map(_code_points, charsets))


def not_covered(text: str) -> str:
    """The characters of ``text`` that no font on this machine has, each once, in order."""
    drawable = _drawable()
    return "".join(
        character
        for character in dict.fromkeys(text)
        if ord(character) not in drawable
        and unicodedata.category(character) not in _UNSEEN
        and not 0xFE00 <= ord(character) <= 0xFE0F  # variants of the character before
        and not 0xE0100 <= ord(character) <= 0xE01EF
    )


def printable(text: str) -> str:
    """``text`` with 〓 for what no font has: better than the empty box that a font draws then."""
    missing = not_covered(text)
    return text.translate(dict.fromkeys(map(ord, missing), GETA)) if missing else text


def _code_points(ranges: str) -> frozenset[int]:
    """Of fontconfig's hexadecimal ranges: "20-7e a0 ..."."""
    bounds = (tuple(int(number, 16) for number in part.split("-")) for part in ranges.split())
    return frozenset(chain.from_iterable(range(bound[0], bound[-1] + 1) for bound in bounds))


@cache
def _covered(family: str) -> frozenset[int]:
    """Code points of the font that ``family`` is printed in."""
    use()
    return _code_points(
        subprocess.run(  # fontconfig's own tool comes with Pango
            ["fc-match", "--format=%{charset}", family.replace("-", "\\-")],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


def missing_characters(text: str, family: str) -> str:
    """The letters and Han characters of ``text`` that the font for ``family`` lacks, each once, in order.

    They are printed all the same, in the Noto font behind it, and look different from their neighbours: worth a warning.
    """
    covered = _covered(family)
    return "".join(
        character
        for character in dict.fromkeys(text)
        if unicodedata.category(character).startswith("L") and ord(character) not in covered
    )
