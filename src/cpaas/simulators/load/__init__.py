"""Customers' programs and everybody around them, made cheap enough to measure the platform with."""

from cpaas.simulators.load.generator import Load, LoadError, LoadPlan, LoadResult

__all__ = ["Load", "LoadError", "LoadPlan", "LoadResult"]
