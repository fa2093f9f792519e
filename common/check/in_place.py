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
from common.guards.untouched import members, untouched

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

    def largest(self):
        return max(np.abs(each).max(initial=0) for each in (self.x, self.out))


class Judge:
    """The layers of a network from the last to the first, with a tap on each."""

    def __init__(self, network, batch, other, options):
        self.network, self.batch, self.other, self.options = network, batch, other, options
        order = [("lastLayer", network.lastLayer), *reversed(network.layers.items())]
        self.taps = {name: Tap(layer) for name, layer in order}
        self.true = {"lastLayer": 1.0}  # dL/dout, where it had to be found by differences
        self.forward()
        for tap in self.taps.values():
            tap.add_to_x, tap.add_to_out = np.zeros(tap.x.shape), np.zeros(np.shape(tap.out))

    def loss(self):
        return self.network.loss(*self.batch)

    def forward(self):
        """First a forward of another batch, so that a backward which goes on using it shows."""
        with contextlib.suppress(Exception):
            self.network.loss(*self.other)
        self.loss()

    def backward(self):
        """{name: (dout, dx)}: what each layer was given, and what it returned."""
        self.forward()
        passed, dx = {}, 1.0
        for name, tap in self.taps.items():
            dout = self.true.get(name, dx)
            dx = tap.layer.backward(dout if name == "lastLayer" else np.array(dout))
            dx = None if dx is None else np.array(dx)  # a copy: the layer may use its array again
            passed[name] = dout, dx
        return passed

    def compare(self, name, array, backprop, f=None, dout=1.0):
        """backprop() beside the differences of the loss, or of f, in an array."""
        f, gradients = f or self.loss, lambda: {"x": backprop()}
        return Comparison(name, {"x": array}, f, gradients, dout=dout, **self.options)

    def is_right(self, *arguments):
        """Do they agree? Where f can't be computed, nothing speaks against it."""
        try:
            compare = self.compare(*arguments)
        except Exception:
            return False
        with contextlib.suppress(Exception):
            return compare.check("x").ok
        return True

    def find_true_douts(self):
        """Give each layer the true dout: that of the layer after it if this is right.

        Returns (name, sentence) where it isn't, though the layer after it is right.
        """
        said, names = [], list(self.taps)
        for after, name in zip(names, names[1:]):
            tap, x_after = self.taps[name], self.taps[after].add_to_x
            if np.shape(self.backward()[after][1]) == tap.out.shape:
                if self.is_right(name, tap.add_to_out, lambda name=name: self.backward()[name][0]):
                    continue
            if self.is_right(after, x_after, lambda after=after: self.backward()[after][1]):
                does = "does something that gradient leaves out"
                said.append((name, f"Between {name} and {after} forward {does}."))
            self.true[name] = self.slopes(tap.add_to_out)
        return said

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

    def last_layer(self, dout):
        """The ArrayCheck of the last layer's dx."""
        tap = self.taps["lastLayer"]

        def f():
            return tap.forward(tap.x + tap.add_to_x, *tap.t)

        def backprop():
            self.forward()
            return tap.layer.backward(dout)

        return self.compare("lastLayer", tap.add_to_x, backprop, f, dout).check("x")

    def has_wrong_dx(self, name):
        """Nobody uses the first layer's dx. That of lastLayer is looked at by itself."""
        if name in ("lastLayer", next(iter(self.network.layers))):
            return False
        return not self.is_right(name, self.taps[name].add_to_x, lambda: self.backward()[name][1])

    def gets_true_dout(self, name):
        """Is the dx of each layer after it right?"""
        names = list(self.taps)
        return not any(each in self.true for each in names[1 : names.index(name) + 1])

    def writers(self):
        """{name: the layer before it} of layers that write into an out which that one keeps."""
        found, names = {}, list(self.taps)
        for name, before in zip(names, names[1:]):
            out, kept = self.taps[before].out, members(self.taps[before].layer).values()
            arrays = [each for each in kept if isinstance(each, np.ndarray)]
            if self.taps[name].writes and any(np.shares_memory(each, out) for each in arrays):
                found[name] = before
        return found

    def is_right_alone(self, parameter):
        """Is a layer's dW right for what this layer does with W?"""
        name, tap = parameter.place, self.taps[parameter.place]

        def backprop():
            self.forward()
            tap.layer.backward(np.array(dout))
            return parameter.gradient

        dout = self.backward()[name][0]
        return self.is_right(name, parameter.array, backprop, lambda: tap.forward(tap.x), dout)

    def is_right_in_place(self, parameter):
        """Is it dL/dW?"""

        def backprop():
            self.backward()
            return parameter.gradient

        return self.is_right(parameter.place, parameter.array, backprop)


def judge_layers(report, network, batch, other, options):
    """Write the layers that are wrong, and what speaks for it, into the report.

    batch and other are two pairs (x, t). The last layer is always looked at, with a dout that isn't
    1; the others after a disagreement.
    """
    with untouched(network), contextlib.suppress(AttributeError, TypeError):  # it can't be tapped
        judge = Judge(network, batch, other, options | {"samples": SAMPLES})
        check = judge.last_layer(dout=2.5)
        if not check.ok:
            report["lastLayer"] = check
            alone = GradientReport({"lastLayer": check})
            report.causes += likely_causes(alone, len(batch[0]), np.array(2.5))
        if not report.ok:
            look_for_suspects(report, judge)
        if any(check.unclear for check in report.values()):
            sizes = {name: tap.largest() for name, tap in judge.taps.items()}
            sizes["loss"] = abs(judge.loss())
            name = max(sizes, key=sizes.get)
            if sizes[name] > 1e5:
                report.causes.append(f"{name} works with numbers up to {sizes[name]:.0e}.")


def look_for_suspects(report, judge):
    layers, parameters = [*judge.network.layers], find_parameters(judge.network.layers)
    between, said = [], []
    with contextlib.suppress(ArithmeticError):
        between = judge.find_true_douts()
    faults = {name: ["dx"] if judge.has_wrong_dx(name) else [] for name in judge.taps}
    if "lastLayer" in report:
        faults["lastLayer"] = ["dx"]
    writers = judge.writers()
    for key, each in parameters.items():
        if judge.is_right_in_place(each):
            is_given_right = not faults["lastLayer"] and judge.gets_true_dout(each.place)
            if key in report.failed and is_given_right and not writers:
                said.append(f"d{key} of {each.place} is right, but gradient returns another.")
        elif not judge.is_right_alone(each):
            faults[each.place].append(f"d{key}")
        elif key in report.failed:
            does = f"is right for what {each.place} does, but the loss uses {key} elsewhere too"
            said.append(f"d{key} {does}.")
    # What lies between two layers is told where nothing else explains what is wrong before it.
    wrong = [(key, each.place) for key, each in parameters.items() if key in report.failed]
    unexplained = {place for key, place in wrong if f"d{key}" not in faults[place]}
    for name, sentence in between:
        if unexplained.intersection(layers[: layers.index(name) + 1]):
            said.insert(0, sentence)
    for name in [*layers, "lastLayer"]:
        if faults[name] or name in writers:
            report.suspects.append(name)
        if faults[name]:
            wrong = " and ".join(faults[name])
            report.causes.append(f"{name} turns a right dout into a wrong {wrong}.")
        if name in writers:
            said.append(f"{name} writes into what it is given, which {writers[name]} keeps.")
    report.causes += said
