"""Which layer is wrong? Each one is judged in its place in the network, with the true dout.

The true dL/dout of a layer is known by differences: add a little to what its forward returns, and
look at the loss. Given this dout, backward must return the true dL/dx, which is found by adding a
little to what forward is given, and set the true dL/dW. So a layer isn't blamed for what comes to
it from another one, and layers that work together, such as a skip from one to another, are seen
together. A loss or predict of one's own is what is followed.
"""

import contextlib
import copy
import itertools

import numpy as np
from tqdm import tqdm

from common.check.bug_or_kink import with_entry
from common.check.causes import SMALL_NUMBER, likely_causes
from common.check.comparison import Comparison
from common.check.report import GradientReport
from common.gradient import h as STEP
from common.guards.arguments import is_finite
from common.guards.learnt import find_parameters

SAMPLES = 150  # entries that are compared at each place


class Tap:
    """Stands for the forward of a layer. It can add a little to what goes in and what comes out.

    It keeps x, t and out of forward, and dout and dx of backward.
    """

    def __init__(self, layer):
        self.layer, self.forward = layer, layer.forward
        self.add_to_x = self.add_to_out = 0.0
        vars(layer)["forward"] = self

    def __call__(self, x, *t):
        self.x, self.t = np.array(x, dtype=np.float64), t
        given = self.x + self.add_to_x
        self.out = self.forward(given, *t)
        self.writes = not np.array_equal(given, self.x + self.add_to_x)
        return self.out + self.add_to_out

    def again(self):
        """What forward returns once more, whatever goes on in other layers."""
        return self.forward(self.x + self.add_to_x, *self.t)

    def go_back(self):  # with a method named backward this would be a layer
        dx = self.layer.backward(copy.copy(self.dout))
        self.dx = None if dx is None else np.array(dx)  # the layer may use its array again


class Judge:
    """The layers of a network from the last to the first, with a tap on each.

    loss() is the network's, and other_loss() that of another batch.
    """

    def __init__(self, network, loss, other_loss, options):
        self.loss, self.other_loss = loss, other_loss
        self.options = options | {"samples": SAMPLES}
        order = [("lastLayer", network.lastLayer), *reversed(network.layers.items())]
        self.taps = {name: Tap(layer) for name, layer in order}
        self.slopes = {}  # dL/dout where it isn't the dx of the layer after it
        self.faults = {name: [] for name in self.taps}  # such as ["dx", "dW1"]
        self.between = []  # (name, name) of two layers with something between them
        self.senders = {}  # of a layer with a wrong dx: those that give it a part, as a skip does
        self.met_kinks = self.is_dout_off = False
        self.forward()
        for tap in self.taps.values():
            tap.add_to_x, tap.add_to_out = np.zeros(tap.x.shape), np.zeros(np.shape(tap.out))

    def forward(self):
        """First a forward of another batch, so that a backward which goes on using it shows."""
        with contextlib.suppress(Exception):
            self.other_loss()
        self.loss()

    def backward(self):
        self.forward()
        for tap in self.taps.values():
            tap.dout = tap.dx = None
        dx = 1.0
        with contextlib.suppress(Exception):  # gradient may not go along the chain
            for name, tap in self.taps.items():
                tap.dout = self.slopes.get(name, dx)
                tap.go_back()
                dx = tap.dx

    def compare(self, array, holder, name, alone=None):
        """After backward, holder.name is dL/darray, says backprop. A Comparison.

        alone is a tap: then only this layer goes backward, and L is sum(out * dout).
        """

        def backprop():
            if alone:
                self.forward()
                alone.go_back()
            else:
                self.backward()
            return {"x": getattr(holder, name)}

        f, dout = (alone.again, alone.dout) if alone else (self.loss, 1.0)
        compare = Comparison("", {"x": array}, f, backprop, dout=dout, **self.options)
        compare.holds_at_x_alone = bool(self.slopes) and not alone
        return compare

    def is_right(self, *arguments):
        """Do they agree? Not if backprop fails. If f does, nothing speaks against it."""
        try:
            compare = self.compare(*arguments)
        except Exception:
            return False
        try:
            check = compare.check("x")
        except Exception:
            return is_finite(compare.gradients["x"])
        self.met_kinks |= check.kinks > 0
        return check.ok

    def walk(self):
        """From the last layer to the first: is its dx right? The next one gets the true dout.

        Nobody uses the dx of the first layer. That of the last one is looked at by itself.
        """
        for (after, last), (name, tap) in itertools.pairwise(self.taps.items()):
            if not self.is_right(tap.add_to_out, tap, "dout"):
                if self.is_right(last.add_to_x, last, "dx"):
                    self.between.append((name, after))
                elif after != "lastLayer" and not self.is_right_alone(last):
                    self.faults[after].append("dx")
                    self.senders[after] = self.senders_to(after)
                try:
                    self.slopes[name] = self.slopes_of(tap.add_to_out)
                except (ArithmeticError, ValueError):  # without a true dout nothing more is known
                    break

    def is_right_alone(self, tap):
        """Where kinks put off what is known of dout: is dx right for this dout?"""
        return self.is_dout_off and self.is_right(tap.add_to_x, tap, "dx", tap)

    def senders_to(self, name):
        """The layers on whose dout the dx of this one depends, though its own dout stays.

        None of them if that can't be told, as where gradient doesn't go along the chain.
        """
        slopes, douts = self.slopes, {each: tap.dout for each, tap in self.taps.items()}
        if any(dout is None for dout in douts.values()):
            return []

        def changes(*others):
            self.slopes = douts | {each: 2 * douts[each] for each in others}
            self.backward()
            return self.taps[name].dx is not None and not np.array_equal(self.taps[name].dx, dx)

        dx = self.taps[name].dx
        found = [each for each in reversed(self.taps) if each != name and changes(each)]
        is_repeatable = not changes()
        self.slopes = slopes
        return found if is_repeatable else []

    def slopes_of(self, array):
        """dL/darray by differences, with a small step, so that kinks are crossed seldom.

        ValueError for so many entries that it would take minutes.
        """
        if array.size > 10_000:
            raise ValueError

        def slope(i, h):
            above, below = (with_entry(array, i, side, self.loss) for side in (h, -h))
            return (above - below) / (2 * h)

        bar = tqdm(range(array.size), "dout", leave=False, disable=None, delay=1)
        slopes = np.array([slope(i, STEP / 10) for i in bar])
        some = range(0, array.size, 1 + array.size // 300)
        off = np.abs(slopes[some] - [slope(i, STEP / 100) for i in some])
        self.is_dout_off |= off.max() > 1e-4 * np.abs(slopes).max()
        return slopes.reshape(array.shape)


def judge_layers(report, network, loss, other_loss, options):
    """Write the layers that are wrong, and what speaks for it, into the report.

    The last layer is always looked at, with a dout that isn't 1; the others after a disagreement.
    The taps stay: check_gradient puts back what layers keep.
    """
    with contextlib.suppress(AttributeError, TypeError):  # it can't be tapped
        judge = Judge(network, loss, other_loss, options)
        last = judge.taps["lastLayer"]
        last.dout = 2.5
        check = judge.compare(last.add_to_x, last, "dx", last).check("x")
        if not check.ok:
            report["lastLayer"], judge.faults["lastLayer"] = check, ["dx"]
            alone = GradientReport({"lastLayer": check})
            report.causes += likely_causes(alone, len(last.x), np.array(last.dout))
        if not report.ok:
            look_for_suspects(report, judge, network)
        if any(check.unclear for check in report.values()):
            sizes = {name: np.abs(tap.x).max(initial=0) for name, tap in judge.taps.items()}
            name = max(sizes, key=sizes.get)
            if sizes[name] > 1e5:
                report.causes.append(f"{name} is given numbers up to {sizes[name]:.0e}.")


def look_for_suspects(report, judge, network):
    judge.walk()
    faults, said, unexplained, order = judge.faults, [], False, list(judge.taps)
    writers = [name for name, tap in judge.taps.items() if tap.writes]
    is_dout_true = not (faults["lastLayer"] or judge.slopes or writers)
    keys = {id(array): key for key, array in network.params.items()}  # a network may have its own
    for each in find_parameters(network.layers).values():
        key = keys.get(id(each.array), each.name)
        # After a wrong dx nothing else need be wrong, and dout is only known by differences.
        after = any("dx" in faults[name] for name in order[: order.index(each.place)])
        failed = key in report.failed and not after
        if not is_finite(judge.taps[each.place].dout):
            continue  # behind one that makes nan nothing is known
        if judge.is_right(each.array, each, "gradient"):
            if failed and is_dout_true:
                said.append(f"d{key} of {each.place} is right, but gradient returns another.")
        elif not judge.is_right(each.array, each, "gradient", judge.taps[each.place]):
            faults[each.place].append(f"d{key}")
            continue
        elif failed:
            does = f"the loss uses {key} elsewhere too"
            if judge.met_kinks:
                does += f", or {key} moves several entries at once at kinks"
            said.append(f"d{key} is right for what {each.place} does, but {does}.")
        unexplained |= failed
    if unexplained:  # else gradient may know what lies between two layers
        does = "does something that gradient leaves out, or has wrong"
        said = [f"Between {one} and {two} forward {does}." for one, two in judge.between] + said
    for name in reversed(order):
        if faults[name]:
            wrong, others = " and ".join(faults[name]), judge.senders.get(name, ())
            given = f", or {' or '.join(others)} gives it a wrong part of dx" if others else ""
            report.causes.append(f"{name} turns a right dout into a wrong {wrong}{given}.")
            report.suspects += [name, *others]
    if not (report.suspects or said):  # each tap gives its layer a copy
        report.suspects = writers
        said = [f"{name} writes into what it is given, which others may keep." for name in writers]
    report.suspects = [name for name in reversed(order) if name in report.suspects]
    if report.suspects and "lastLayer" not in report.suspects:
        report.causes = [each for each in report.causes if not each.endswith(SMALL_NUMBER)]
    report.causes += said
