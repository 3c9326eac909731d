"""What ships beside the code: process folders and Word templates, in a checkout and in an installed wheel alike."""

from pathlib import Path

_PACKED = Path(__file__).parent / "shipped_files"  # where the wheel has them, see pyproject.toml
_ROOT = _PACKED if _PACKED.is_dir() else Path(__file__).parent.parent

PROCESSES: Path = _ROOT / "processes"
DOC_TEMPLATES: Path = _ROOT / "doc_templates"
