"""What the operating system has to give: libraries, fonts, and for tests a browser. Debian's packages, by apt."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from steps import ROOT, SetupError, run

APT = ("apt-get", "-q", "-y", "-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300")
NO_DIALOGUE = {"DEBIAN_FRONTEND": "noninteractive"}


def _library(name: str) -> Callable[[], bool]:
    def present() -> bool:
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    return present


def _program(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


# Debian package -> whether the machine has what it is for, from Debian or elsewhere
NEEDED: dict[str, Callable[[], bool]] = {
    "python3-venv": lambda: importlib.util.find_spec("ensurepip") is not None,
    "libpango-1.0-0": _library("libpango-1.0.so.0"),
    "libpangoft2-1.0-0": _library("libpangoft2-1.0.so.0"),
    "libharfbuzz-subset0": _library("libharfbuzz-subset.so.0"),
    "fontconfig": _program("fc-match"),
}
FOR_TESTS: dict[str, Callable[[], bool]] = {
    "chromium": _program("chromium", "chromium-browser", "google-chrome"),
    "poppler-utils": _program("pdftoppm"),
    "libreoffice-writer-nogui": _program("soffice", "libreoffice"),
    "softhsm2": lambda: any(Path("/usr").glob("lib*/**/libsofthsm2.so")),  # a security module in software
}


def _as_root() -> tuple[str, ...] | None:
    """What to put before a command so that root runs it; None where nobody here may."""
    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ("sudo", "-n", "--preserve-env=DEBIAN_FRONTEND")
    return None


def _refresh_lists(root: tuple[str, ...], *, older_than: float) -> None:
    lists = Path("/var/lib/apt/lists")
    indexes = [
        path.stat().st_mtime
        for path in (lists.iterdir() if lists.is_dir() else ())
        if "_Packages" in path.name
    ]
    # apt keeps the server's time on an index; the folder's own says when they were last fetched.
    if not indexes or time.time() - lists.stat().st_mtime > older_than:
        run("更新软件包列表", *root, *APT, "update", attempts=3, env=NO_DIALOGUE)


def install_packages(*, tests: bool) -> None:
    """Install what is missing.

    :raises SetupError: it cannot be installed from here; the message has the one command to type
    """
    wanted = {**NEEDED, **(FOR_TESTS if tests else {})}
    missing = [package for package, present in wanted.items() if not present()]
    if not missing:
        return
    command = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(missing)}"
    if shutil.which("apt-get") is None:
        raise SetupError(
            f"缺少系统组件，且本机没有 apt-get。请用本机的软件包工具安装与下列 Debian 软件包相当的组件：{'、'.join(missing)}"
        )
    root = _as_root()
    if root is None:
        raise SetupError(
            f"缺少系统组件，当前用户无权安装。请执行下面这条命令，然后重试：\n\n    sudo sh -c '{command}'\n"
        )
    install = (*root, *APT, "install", "--no-install-recommends", *missing)
    _refresh_lists(root, older_than=24 * 3600)
    try:
        run(f"安装系统组件 {' '.join(missing)}", *install, env=NO_DIALOGUE)
    except SetupError:  # a list may name a version that the archive has replaced since
        _refresh_lists(root, older_than=0)
        run("再次安装系统组件", *install, attempts=2, env=NO_DIALOGUE)
    importlib.invalidate_caches()
    if still := [package for package in missing if not wanted[package]()]:
        raise SetupError(
            f"已安装 {'、'.join(still)}，但仍未找到其内容。若使用的不是系统自带的 Python，请改用：make PYTHON=/usr/bin/python3"
        )


def _fonts() -> ModuleType:
    """``engine/documents/fonts.py`` alone: its package needs what is not installed yet."""
    spec = importlib.util.spec_from_file_location("lvze_fonts", ROOT / "engine/documents/fonts.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def fetch_fonts() -> None:
    """Take the font files out of Debian's packages into the user's cache: no root, no TeX, nothing installed.

    :raises SetupError: no apt here, or it does not know the packages
    """
    fonts = _fonts()
    missing = fonts.missing_files()
    if not missing:
        return
    directory = fonts.font_directory()
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        names = "、".join(name for files in missing.values() for name in files)
        raise SetupError(
            f"本机没有 apt-get，无法取得字体。请把 {names} 放入 {directory}，或用 LVZE_FONTS 指定已有公文字体的文件夹。"
        )
    root = _as_root()
    if root is not None:
        _refresh_lists(root, older_than=7 * 24 * 3600)
    directory.parent.mkdir(parents=True, exist_ok=True)
    for package in missing:
        with tempfile.TemporaryDirectory(dir=directory.parent) as folder:
            work = Path(folder)
            try:
                run(
                    f"取得字体（{package}，约 50 MB）",
                    *(*APT, "download", package),
                    attempts=3 if root is not None else 1,
                    cwd=work,
                )
            except SetupError as error:
                if root is None:
                    raise SetupError(
                        f"软件包列表过旧或缺失。请执行下面这条命令，然后重试：\n\n    sudo apt-get update\n\n{error}"
                    ) from None
                raise
            (archive,) = work.glob("*.deb")
            run("", "dpkg-deb", "-x", archive, work / "content")
            for path, name in fonts.FILES[package].items():
                target = directory / name
                target.parent.mkdir(parents=True, exist_ok=True)
                (work / "content" / path).replace(target)
