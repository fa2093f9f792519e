"""Which layer is wrong? After a disagreement the search goes from the loss back along the chain.

What gradient gives a layer as dout must be dL/dout, which is known by differences: add a little to
what its forward returns, and look at the loss. If it isn't, the layer after it is wrong, or
gradient leaves out what is between. The layer then gets the true dout, and the search goes on. Each
layer stays in its place, so that layers which work together, as a skip does, are right.
"""

import contextlib
import copy

import numpy as np

from common.check.comparison import Comparison
from common.check.report import likely_causes
from common.gradient import h as STEP
from common.guards.learnt import find_parameters
from common.guards.untouched import members

SAMPLES = 150  # entries that are compared at each place


class Tap:
    """Adds a little to what goes into a layer and comes out of it. Keeps x, t, dout and dx."""

    def __init__(self, name, layer):
        self.name, self.layer = name, layer
        self.forward, self.go_back = layer.forward, layer.backward
        self.add_to_x = self.add_to_out = 0.0
        self.dout = self.dx = self.true_dout = None
        vars(layer).update(forward=self.tapped_forward, backward=self.tapped_backward)

    def tapped_forward(self, x, *t):
        self.x, self.t = np.array(x, dtype=np.float64), t
        given = self.x + self.add_to_x
        self.out = self.forward(given, *t)
        self.writes = not np.array_equal(given, self.x + self.add_to_x)
        return self.out + self.add_to_out

    def tapped_backward(self, dout=1.0):
        dout = dout if self.true_dout is None else self.true_dout
        self.dout = copy.copy(dout)  # copies, since a layer may use its array again
        dx = self.go_back(copy.copy(dout))
        self.dx = copy.copy(dx)
        return dx

    def knows(self, layer):
        return any(each is layer for each in members(self.layer).values())


class Judge:
    """The layers of a network from the last to the first, with a tap on each.

    backprop() is network.gradient, after a forward of another batch.
    """

    def __init__(self, network, loss, backprop, options):
        self.loss, self.backprop, self.options = loss, backprop, options | {"samples": SAMPLES}
        layers = {"lastLayer": network.lastLayer} | dict(reversed(network.layers.items()))
        self.taps = [Tap(name, layer) for name, layer in layers.items()]
        given = []
        for run in backprop, loss:
            run()
            given.append([each for tap in self.taps for each in (tap.x, *tap.t)])
        # Does gradient give the layers what loss gives them? Else their dout is of other numbers.
        self.is_followed = all(map(np.array_equal, *given))
        for tap in self.taps:
            tap.add_to_x, tap.add_to_out = np.zeros(tap.x.shape), np.zeros(np.shape(tap.out))

    def compare(self, array, holder, name, alone=None, dout=1.0):
        """After backprop, holder.name is dL/darray, it says. A Comparison.

        alone is a tap: then only this layer goes backward, and L is sum(out * dout).
        """

        def backprop():
            (self.backprop if self.is_followed else self.loss)()
            if alone:
                alone.tapped_backward(copy.copy(dout))
            return {"x": getattr(holder, name)}

        def out():
            return alone.forward(alone.x + alone.add_to_x, *alone.t)

        f = out if alone else self.loss
        return Comparison("", {"x": array}, f, backprop, dout=dout, **self.options)

    def true_dout_of(self, tap):
        """By differences, with a small step, so that kinks are crossed seldom."""
        out = {"x": tap.add_to_out}
        compare = Comparison("", out, self.loss, lambda: out, **self.options)
        slopes = [compare.difference("x", i, STEP / 10) for i in range(tap.add_to_out.size)]
        return np.reshape(slopes, tap.add_to_out.shape)

    def is_right(self, *arguments):
        """True or False, or None if that can't be seen."""
        is_right = False  # if backprop fails
        with contextlib.suppress(Exception):
            compare = self.compare(*arguments)
            is_right = None  # if f takes no other numbers
            check = compare.check("x")
            is_right = None if check.unclear else check.ok
        return is_right


def judge_layers(report, network, loss, backprop, options):
    """Write the layers that are wrong, and what speaks for it, into the report.

    The last layer is always looked at, with a dout that isn't 1; the others after a disagreement.
    The taps stay: check_gradient puts back what layers keep.
    """
    with contextlib.suppress(AttributeError, TypeError):  # it can't be tapped
        judge, dout = Judge(network, loss, backprop, options), 2.5
        last = judge.taps[0]
        with contextlib.suppress(Exception):  # it may refuse other scores, such as less than 0
            check = judge.compare(last.add_to_x, last, "dx", last, dout).check("x")
            if not check.ok:
                report["lastLayer"], report.suspects = check, ["lastLayer"]
                report.causes += likely_causes({"lastLayer": check}, len(last.x), dout)
        if not (report.ok or judge.is_followed):
            words = "gradient doesn't give the layers what loss(x, t) gives them"
            report.causes.append(f"{words}; does it call self.loss(x, t)?")
        elif not report.ok:
            look_for_suspects(report, judge, network)
        largest = max(judge.taps, key=lambda tap: np.abs(tap.x).max(initial=0))
        size = np.abs(largest.x).max(initial=0)
        if size > 1e5 and any(check.unclear for check in report.values()):
            report.causes.append(f"{largest.name} is given numbers up to {size:.0e}.")


def look_for_suspects(report, judge, network):
    keys = {id(array): key for key, array in network.params.items()}  # a network may have its own
    found = [(keys.get(id(each.array)), each) for each in find_parameters(network.layers).values()]
    suspects, is_behind = [], False  # is it behind a wrong layer?

    def say(words):
        if not is_behind:
            report.causes.append(words)

    for tap, before in zip(judge.taps, [*judge.taps[1:], None]):
        name, others = tap.name, []
        wrong = {"dx"} if name == "lastLayer" and name in report else set()
        for key, each in found:
            if each.place != name or key not in report.failed:
                continue
            is_near = report[key].is_nearly_right  # then what stands behind it isn't certain
            is_right_here = judge.is_right(each.array, each, "gradient")
            is_right_alone = judge.is_right(each.array, each, "gradient", tap, tap.dout)
            if is_right_here is False and is_right_alone is False:
                wrong.add(f"d{key}")
            elif is_right_here and not is_near:
                say(f"d{key} of {name} is right, but gradient returns another.")
            elif is_right_here is False and is_right_alone and not is_near:
                say(f"d{key} is right for what {name} does, but the loss uses {key} elsewhere too.")
        is_dout_right = not before or judge.is_right(before.add_to_out, before, "dout") is not False
        if not is_dout_right and judge.is_right(tap.add_to_x, tap, "dx"):
            say(f"Between {before.name} and {name} forward does more than gradient knows.")
        elif not is_dout_right:
            is_right_alone = judge.is_right(tap.add_to_x, tap, "dx", tap, tap.dout) is not False
            if not (is_behind and is_right_alone):  # there kinks may put off what is known of dout
                wrong.add("dx")
            if not is_right_alone:  # another layer may add its part
                others = [each.name for each in judge.taps if each.knows(tap.layer)]
        if wrong:
            given = f", or {' or '.join(others)} gives it a wrong part of dx" if others else ""
            words = f"{name} turns a right dout into a wrong {' and '.join(sorted(wrong))}{given}."
            report.causes.append(words)
            suspects += [name, *others]
        if not is_dout_right:
            if before.add_to_out.size > 10_000:
                break  # it would take minutes
            is_behind = True
            try:
                before.true_dout = judge.true_dout_of(before)
            except (ArithmeticError, ValueError):  # no finite slope: nothing more can be known
                break
    if not suspects:  # each tap gives its layer a copy, so nothing is wrong here
        suspects = [tap.name for tap in judge.taps if tap.writes]
        for name in suspects:
            report.causes.append(f"{name} writes into what it is given, which others may keep.")
    report.suspects = [name for name in [*network.layers, "lastLayer"] if name in suspects]
