"""Decision models of DMN 1.1 to 1.5: ``load(xml).decide("等次", {"得分": 92}).value``."""

from .folder import Folder
from .model import Decision, Model, load
from .reading import Problem
from .sheet import Row, Sheet, sheets
from .table import Consulted, Match
from .xml import DmnError

__all__ = [
    "Consulted",
    "Decision",
    "DmnError",
    "Folder",
    "Match",
    "Model",
    "Problem",
    "Row",
    "Sheet",
    "load",
    "sheets",
]
