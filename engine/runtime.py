"""What the nouns share while the engine runs: no logic, only the things that are made once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.clock import Clock
from engine.database import Database
from engine.deployments import Definitions
from engine.settings import Settings

if TYPE_CHECKING:
    from engine.documents.pdf import Renderer
    from engine.documents.preview import Previews


@dataclass(frozen=True, slots=True)
class Runtime:
    settings: Settings
    database: Database
    clock: Clock
    definitions: Definitions
    renderer: Renderer
    previews: Previews
