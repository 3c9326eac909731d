"""The built-in functions of FEEL (DMN 1.5, 10.3.4), one file a family."""

from . import contexts, conversion, lists, moments, numbers, ranges, strings
from .registry import BUILT_IN, BuiltIn

__all__ = [
    "BUILT_IN",
    "BuiltIn",
    "contexts",
    "conversion",
    "lists",
    "moments",
    "numbers",
    "ranges",
    "strings",
]
