"""Decision models of DMN 1.1 to 1.5: ``load(xml).decide("等次", {"得分": 92}).value``."""

from .model import Decision, Model, load
from .reading import Problem
from .table import Consulted, Match
from .xml import DmnError

__all__ = ["Consulted", "Decision", "DmnError", "Match", "Model", "Problem", "load"]
