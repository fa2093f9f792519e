"""Which layer is wrong? Each one is judged in its place in the network, with the true dout.

The true dL/dout of a layer is known by differences: add a little to what its forward returns, and
look at the loss. Given this dout, backward must return the true dL/dx, which is found by adding a
little to what forward is given, and set the true dL/dW. So a layer isn't blamed for what comes to
it from another one, and layers that work together, such as a skip from one to another, are seen
together. A loss or predict of one's own is what is followed.
"""

import contextlib

import numpy as np

from common.check.causes import likely_causes
from common.check.comparison import Comparison
from common.check.report import GradientReport
from common.gradient import STEP
from common.guards.learnt import find_parameters
from common.guards.untouched import untouched

__all__ = ["judge_layers"]

SAMPLES = 150  # entries that are compared at each place


class Tap:
    """Stands for the forward of a layer. It keeps x and out, and can add a little to both."""

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


class Chain:
    """The layers of a network from the last to the first, with a tap on each."""

    def __init__(self, network, batch, other, options):
        self.network, self.batch, self.other, self.options = network, batch, other, options
        names = ["lastLayer", *reversed(network.layers)]
        layers = [network.lastLayer, *reversed(network.layers.values())]
        self.taps = dict(zip(names, map(Tap, layers)))
        self.true = {"lastLayer": 1.0}  # dL/dout, where it had to be found by differences
        self.forward()
        for tap in self.taps.values():
            tap.add_to_x, tap.add_to_out = np.zeros(tap.x.shape), np.zeros(np.shape(tap.out))

    def loss(self):
        return self.network.loss(*self.batch)

    def forward(self):
        """A forward of another batch comes first, so that a backward that goes on using it shows."""
        with contextlib.suppress(Exception):
            self.network.loss(*self.other)
        self.loss()

    def backward(self):
        """{name: (dout, dx)}: what each layer was given, and what it returned."""
        self.forward()
        passed, dout = {}, 1.0
        for name, tap in self.taps.items():
            dout = self.true.get(name, dout)
            dx = tap.layer.backward(dout if name == "lastLayer" else np.array(dout))
            passed[name] = dout, dx
            dout = dx
        return passed

    def is_right(self, name, array, backprop):
        """Does backprop() agree with the differences of the loss along this array?

        Where the loss can't be computed, nothing speaks against it.
        """
        try:
            compare = Comparison(
                name, {"x": array}, self.loss, lambda: {"x": backprop()}, **self.options
            )
        except Exception:
            return False
        with contextlib.suppress(Exception):
            return compare.check("x").ok
        return True

    def has_true_dout(self, name):
        """Does every layer from the last one to this one hand on the true dout?"""
        names = list(self.taps)
        return not any(each in self.true for each in names[1 : names.index(name) + 1])

    def find_true_douts(self):
        """Give each layer the true dout: that of the layer after it if this is right.

        Returns the names of the layers whose dout isn't what the layer after them returned, though
        this is right: forward does something between them.
        """
        between, names = [], list(self.taps)
        for after, name in zip(names, names[1:]):
            tap, following = self.taps[name], self.taps[after]
            if np.shape(self.backward()[after][1]) == tap.out.shape:
                if self.is_right(name, tap.add_to_out, lambda: self.backward()[name][0]):
                    continue
            if self.is_right(after, following.add_to_x, lambda: self.backward()[after][1]):
                between.append((name, after))
            self.true[name] = self.slopes(tap.add_to_out)
        return between

    def slopes(self, array):
        """dL/darray by differences, with a small step, so that kinks are crossed seldom."""
        h, slopes = STEP / 10, np.zeros(array.shape)
        for i in range(array.size):
            array.flat[i] = h
            above = self.loss()
            array.flat[i] = -h
            slopes.flat[i] = (above - self.loss()) / (2 * h)
            array.flat[i] = 0
        return slopes


def judge_layers(report, network, batch, other, tolerance, rng):
    """Write the layers that are wrong, and what speaks for it, into the report.

    batch and other are two pairs (x, t). The last layer is always looked at, with a dout that isn't
    1; the others after a disagreement.
    """
    options = {"samples": SAMPLES, "tolerance": tolerance, "rng": rng}
    with untouched(network), contextlib.suppress(AttributeError, TypeError):  # it can't be tapped
        chain = Chain(network, batch, other, options)
        check = last_layer(chain, dout=2.5)
        if not check.ok:
            report["lastLayer"] = check
            alone = GradientReport({"lastLayer": check})
            report.causes += likely_causes(alone, len(batch[0]), np.array(2.5))
        if not report.ok:
            look_for_suspects(report, chain)
        if any(check.unclear for check in report.values()):
            sizes = {name: np.abs(tap.x).max(initial=0) for name, tap in chain.taps.items()}
            name = max(sizes, key=sizes.get)
            if sizes[name] > 1e5:
                report.reasons.append(f"{name} gets numbers up to {sizes[name]:.0e}.")


def last_layer(chain, dout):
    """The ArrayCheck of the last layer's dx."""
    tap = chain.taps["lastLayer"]

    def f():
        return tap.forward(tap.x + tap.add_to_x, *tap.t)

    def backprop():
        chain.forward()
        return {"x": tap.layer.backward(dout)}

    arrays = {"x": tap.add_to_x}
    return Comparison("lastLayer", arrays, f, backprop, dout=dout, **chain.options).check("x")


def look_for_suspects(report, chain):
    faults, said, first, between = {}, [], list(chain.taps)[-1], []
    if "lastLayer" in report:
        faults["lastLayer"] = ["dx"]
    with contextlib.suppress(ArithmeticError):
        between = chain.find_true_douts()
    for name, tap in chain.taps.items():
        wrong = faults.get(name, [])
        if name not in ("lastLayer", first):
            if not chain.is_right(name, tap.add_to_x, lambda name=name: chain.backward()[name][1]):
                wrong.append("dx")
        for key, parameter in find_parameters(chain.network.layers).items():
            if parameter.place == name:
                if fault := fault_of(chain, report, key, parameter):
                    wrong += [f"d{key}"] if fault == "wrong" else []
                    said += [fault] if fault != "wrong" else []
        if tap.writes:
            said.append(f"{name} writes into what it is given, which the layer before it may keep.")
        if wrong or tap.writes:
            faults[name] = wrong
    names = list(chain.network.layers)
    for name, after in between:  # if nothing else explains what is wrong before it
        before = names[: names.index(name) + 1]
        if any(
            each.place in before and f"d{key}" not in faults.get(each.place, ())
            for key, each in find_parameters(chain.network.layers).items() if key in report.failed
        ):  # fmt: skip
            said.insert(0, f"Between {name} and {after} forward does something that gradient leaves out.")
    report.suspects += [name for name in [*chain.network.layers, "lastLayer"] if name in faults]
    for name in report.suspects:
        if faults[name]:
            wrong = " and ".join(faults[name])
            report.causes.append(f"{name} turns a right dout into a wrong {wrong}.")
    report.causes += said


def fault_of(chain, report, key, parameter):
    """"wrong" if a layer's dW isn't what this layer does with W, a sentence, or nothing."""
    name, tap = parameter.place, chain.taps[parameter.place]

    def backprop():
        chain.backward()
        return parameter.gradient

    if chain.is_right(name, parameter.array, backprop):
        if key in report.failed and chain.has_true_dout(name) and "lastLayer" not in report:
            return f"d{key} of {name} is right, but gradient returns another."
        return ""

    def here():
        dout = chain.backward()[name][0]
        chain.forward()
        tap.layer.backward(np.array(dout))
        return {"W": parameter.gradient}

    with contextlib.suppress(Exception):
        dout = chain.backward()[name][0]
        compare = Comparison(name, {"W": parameter.array}, lambda: tap.forward(tap.x), here,
                             dout=dout, **chain.options)  # fmt: skip
        if compare.check("W").ok:
            return "" if key not in report.failed else f"d{key} is right for what {name} does, but the loss uses {key} elsewhere too."
    return "wrong"
