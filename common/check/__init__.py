"""The gradient check: is backward right? check_gradient for a network, check_layer for a layer."""

from common.check.checks import check_gradient, check_layer
from common.check.report import ArrayCheck, GradientReport

__all__ = ["ArrayCheck", "GradientReport", "check_gradient", "check_layer"]
