"""Build hook: every build has the front end; a wheel also has the process folders, Word templates and the catalogue of operations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "setup"))
import frontend


class Ship(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        frontend.build()
        if self.target_name == "wheel" and version == "standard":
            catalogue = "web/frontend/src/designer/operations.json"  # read by web/catalogue.py
            build_data["force_include"][catalogue] = catalogue
            for folder in ("processes", "doc_templates"):  # where engine/shipped.py finds them
                build_data["force_include"][folder] = f"engine/shipped_files/{folder}"
