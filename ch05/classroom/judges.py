"""A judge for each part of exercises.py.

A judge calls what was handed in with small arrays, and yields what comes. settle compares these
records with the right values of answers.py. It judges by values, and never looks at the code. The
first difference is told, with a cause if one fits all records. remark(text) costs no point.

predict and gradient run with the student's own layers. If some of these are wrong, right ones
stand in for them: see network.py.
"""

import contextlib
import copy
import inspect
import math
from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.random import seed  # what was handed in may put something else in its place

from ch05.classroom.answers import CAUSES, KEYS, RIGHT, right_loss, value
from ch05.classroom.calling import (
    NotYet,
    Wrong,
    call,
    call_backward,
    call_function,
    candidates,
    joined,
    kept,
    missing,
    raised,
    told,
    untouched,
    wanted,
)
from ch05.classroom.network import LAYERS, SHAPES, called_wrongly, stand_ins
from ch05.classroom.words import say

ASKED = 1000.0  # scores as large as exercises.py says


class Verdict(NamedTuple):
    status: str  # "right", "wrong" or "not yet"
    sentences: list  # what is wrong, and remarks


def judge(part, names, known=None):
    """The Verdict on one part. names is the dict of global names of what was handed in.

    known : {part: its verdicts} so far, and () for a part that hangs or ends the program. None of
            these is called again for the sake of another part
    """
    verdicts = verdicts_on(part, names, {} if known is None else known)
    # What is left of the skeleton doesn't hide what stands below it in other letters.
    return next((each for each in verdicts if each.status != "not yet"), verdicts[0])


def verdicts_on(part, names, known):
    """A Verdict on each class or function that may be meant."""
    if part in known:
        return known[part]
    verdicts = []
    for name, found in candidates(names, part) or [(None, None)]:
        remarks = []
        try:
            if found is None:
                raise missing(names, wanted(part))
            if name != wanted(part):
                words = "it is called {name}; expected {wanted}"
                remarks.append(say(words, name=name, wanted=wanted(part)))
            with np.errstate(all="ignore"):  # whatever the file has set
                if part in TRIALS:
                    judge_network(part, found, names, known)
                else:
                    JUDGES[part](found, remarks.append)
            status, sentences = "right", []
        except (NotYet, NotImplementedError) as reason:  # in __init__ it may have no words
            status, sentences = "not yet", [*filter(None, [str(reason)])]
        except (Exception, SystemExit) as error:  # in __init__, for instance
            status, sentences = "wrong", [raised(part, error)]
        remarks = [say("remark: ") + each for each in dict.fromkeys(remarks)]
        verdicts.append(Verdict(status, sentences + remarks))
    known[part] = verdicts
    return verdicts


# Records, and what they tell


class Record(NamedTuple):
    what: str  # "dx", "grad['W1']"
    key: str  # its key in RIGHT and CAUSES
    got: object
    env: dict  # what the expressions name
    batch: str = ""  # words that come first
    before: dict | None = None  # env of the batch before
    other: dict | None = None  # env of another layer of this kind
    tolerance: float = 1e-5
    notes: list = []  # noqa: RUF012 (what else was seen; nobody writes into it)

    def want(self, part, **changed):
        return value(RIGHT[part][self.key], self.env | changed)


def settle(part, trial):
    """A trial yields records, until it raises or time is over. Wrong at the first difference."""
    records, stop = [], None
    try:
        for record in trial:  # as it was then: a layer may use its arrays again
            records.append(record._replace(got=copy.copy(record.got)))
    except (Wrong, NotYet, KeyboardInterrupt) as error:
        stop = error
    kind = KeyboardInterrupt if isinstance(stop, KeyboardInterrupt) else Wrong
    for record in records:
        if text := difference(record.what, record.got, record.want(part), record.tolerance):
            same = [each for each in records if each.what == record.what]
            raise kind(record.batch + joined(text, cause(part, record, same), *record.notes))
    if stop:
        raise stop


def cause(part, first, records):
    """The first cause that explains each of these records, all of the same array."""
    right = first.want(part)
    if not alike(first.got, right, first.tolerance):  # it isn't only a list
        for words, wrong in possible(part, first):
            with contextlib.suppress(Exception):
                guess = wrong(first)
                if alike(guess, right, first.tolerance) or np.any(first.got) > np.any(guess):
                    continue  # what is to be 0 is 0 exactly
                if all(alike(each.got, wrong(each)) for each in records):
                    return say(words)
    return ""


def possible(part, first):
    """(words, function of a record that returns a wrong value)."""

    def by(expression):
        return lambda each: value(expression, each.env | {"right": each.want(part), "first": first})

    def mixed(attribute, names):
        """As if these arguments came from the batch before, or from the other layer."""

        def wrong(record):
            source = getattr(record, attribute) or record.env
            return record.want(part, **{name: source[name] for name in names})

        return wrong

    for words, expression in CAUSES[part].get(first.key, ()):
        yield words, by(expression)
    for names in "x", "t", "xt":
        words = "that is of the batch before: is something not renewed?"
        yield words, mixed("before", names)
        yield "that is the other's: keep in self what backward needs", mixed("other", names)
    yield ("that of the batch before is added to it", lambda record: record.want(part)
           + (record.want(part, **record.before) if record.before else 0))  # fmt: skip
    with contextlib.suppress(Exception):
        want = np.asarray(first.want(part), float)
        i = np.abs(want).argmax()
        factor = np.asarray(first.got, float).flat[i] / want.flat[i]
        if math.isfinite(factor) and f"{factor:.4g}" not in ("0", "1"):
            words = say("every number is {factor} times what it should be", factor=f"{factor:.4g}")
            words = "the sign is wrong" if f"{factor:.4g}" == "-1" else words
            yield words, lambda record: factor * record.want(part)


def difference(what, got, want, tolerance=1e-5):
    """None if got is want. Else a sentence: the entry, both values."""
    if got is None:
        hint = "" if "[" in what else say("is a return missing?")  # not for grad['W1']
        return joined(say("{what} is None", what=what), hint)
    if isinstance(got, tuple) or (isinstance(got, list) and not np.shape(want)):
        words = "{what}: got a {kind} of {n}; return {what} alone"
        return say(words, what=what, kind=type(got).__name__, n=len(got))
    if isinstance(got, list):
        return say("{what}: expected an array, got a list; use np.array(...)", what=what)
    if alike(got, want, tolerance):
        return None
    want = np.asarray(want)
    try:
        is_real = np.asarray(got).dtype.kind in "biuf"
        got = np.asarray(got, float if is_real else None)
    except (TypeError, ValueError):
        is_real = False
    if not is_real:
        words = "{what}: expected numbers, got {got}"
        kind = got.dtype if isinstance(got, np.ndarray) else type(got).__name__
        return say(words, what=what, got=kind)
    if got.shape != want.shape:
        words = "{what}: expected shape {want}, got {got}"
        return say(words, what=what, want=want.shape, got=got.shape)
    error = np.nan_to_num(np.abs(got - want), nan=math.inf)
    worst = np.unravel_index(error.argmax(), want.shape)
    place = str([int(i) for i in worst]) if want.shape else ""
    size = np.abs(want).max(initial=0)
    want, got = (np.where(np.abs(each) < 1e-12 * size, 0, each) for each in (want, got))  # rounding
    for digits in range(6, 18):
        texts = [f"{each[worst]:.{digits}g}" for each in (want, got)]
        if texts[0] != texts[1]:
            break
    return say("{what}: expected {want}, got {got}", what=what + place, want=texts[0], got=texts[1])


def expect(what, got, want, hint="", tolerance=1e-5):
    """Wrong, with the hint, if got isn't want."""
    if text := difference(what, got, want, tolerance):
        raise Wrong(joined(text, hint))


def alike(got, want, tolerance=1e-5):
    """The same shape, and the same numbers within tolerance times the largest?"""
    with contextlib.suppress(Exception):
        want, got = np.asarray(want, float), np.asarray(got)
        if got.dtype == np.float16:  # of few digits
            tolerance = max(tolerance, 0.02)
        size = np.abs(want[np.isfinite(want)]).max(initial=0) or 1
        return (
            got.dtype.kind in "biuf"
            and got.shape == want.shape
            and np.allclose(got, want, 0, tolerance * size, True)
        )
    return False


# Relu, Sigmoid, Affine, SoftmaxWithLoss


def judge_layer(part, kind, first, second, others, remark):
    """In each run one layer is given a list of (words, env), one after the other.

    first, second : envs of two batches
    others : (words, env) for batches of other shapes
    """
    out, *grads = RIGHT[part]
    _, other = others[0]
    one = other | {key: other[key][:1] for key in ("x", "t", "dout") if np.shape(other.get(key))}
    single = {key: each if key == "t" else np.float32(each) for key, each in first.items()}
    runs = [[("", first), ("second batch: ", second)], [others[0], ("one sample: ", one)],
            [("float32: ", single)], others[1:]]  # fmt: skip
    held = []  # what forward was given last: as it was, and as it is

    def new_layer(env):
        return kind(*(env[key].copy() for key in "Wb" if key in env))

    def forward(layer, env):
        args = [env[key] for key in "xt" if key in env]
        held[:] = args, copy.deepcopy(args)
        return call(layer, "forward", *args, given=held[1])

    def backward(layer, env, **more):
        params = {key: copy.copy(getattr(layer, key, None)) for key in "Wb" if key in env}
        dx = call_backward(layer, env["dout"], remark)
        for key, old in params.items():
            if isinstance(old, np.ndarray):
                hint = say("backward leaves {key} to update", key=key)
                expect(key, getattr(layer, key), old, hint)
        for key in grads:
            got = dx if key == "dx" else kept(layer, key, env[key[1:]].shape)
            yield Record(key, key, got, env, **more)
        # x was made by the layer before. But that of an Affine may be data, as t is.
        is_data = "W" in env or not np.array_equal(held[0][1:], held[1][1:])
        with told("", remark=None if is_data else remark):
            untouched("backward", layer.forward, "xt", *held)

    def trial():
        for run in filter(None, runs):
            layer, before, packed = new_layer(run[0][1]), None, False
            for batch, env in run:
                batch, W = say(batch), env.get("W")
                notes = [] if W is None else [say("here W has shape {shape}", shape=W.shape)]
                with told(batch, notes):
                    got = forward(layer, env)
                    if out == "loss" and isinstance(got, np.ndarray) and got.shape:
                        packed = packed or got.size == 1 < len(env["x"])
                        if packed:
                            words = "the loss has shape {shape}; expected one number"
                            remark(say(words, shape=got.shape))
                            got = np.squeeze(got)
                    yield Record(out, out, got, env, batch, before)
                    yield from backward(layer, env, batch=batch, before=before)
                before = env
        # Two layers at once: each has to keep its own.
        layers = [new_layer(first), new_layer(second)]
        for layer, env in zip(layers, (first, second)):
            forward(layer, env)
        words = say("of two such layers, the first one's ")
        yield from backward(layers[0], first, batch=words, other=second)

    settle(part, trial())


def judge_activation(part, kind, x, remark):
    first = {"x": x, "dout": np.array([[2.0, 5.0, -3.0], [-4.0, -1.0, 6.0]])}
    second = {"x": x + 0.75, "dout": first["dout"] + 0.5}
    images = {key: each.reshape(2, 1, 1, 3) for key, each in first.items()}
    judge_layer(part, kind, first, second, [("images: ", images)], remark)


def judge_relu(Relu, remark):
    judge_activation("Relu", Relu, np.array([[1.0, -2.0, 0.0], [-0.5, 2.0, -1.0]]), remark)


def judge_sigmoid(Sigmoid, remark):
    x = np.log([[3, 1 / 3, 1], [1 / 9, 4, 9]])  # out is 3/4, 1/4, 1/2 and 1/10, 4/5, 9/10
    judge_activation("Sigmoid", Sigmoid, x, remark)
    with told(say("x = 1000 and -1000: "), remark=remark):
        out = call(Sigmoid(), "forward", np.array([[ASKED, -ASKED]]))
        expect("out", out, [[1, 0]], say("exp overflows") if np.isnan(out).any() else "")


def judge_affine(Affine, remark):
    x, dout = np.array([[1.0, 2, 3], [4, 0, -1]]), np.array([[1.0, -2, 3], [2, 1, 0]])
    W, b = np.array([[1.0, 2, 0], [0, 1, -1], [3, 0, 1]]), np.array([1.0, -1, 0.5])
    first = {"x": x, "dout": dout, "W": W, "b": b}
    second = first | {"x": x - 2, "dout": dout + 3}
    rng = np.random.default_rng(0)
    shapes = {"W": (6, 2), "b": 2, "x": (4, 6), "dout": (4, 2)}
    wide = {key: rng.standard_normal(shape) for key, shape in shapes.items()}
    images = wide | {"x": wide["x"].reshape(4, 1, 2, 3)}
    others = [("", wide)]
    with told(say("images: "), remark=remark), contextlib.suppress(NotYet):
        call(Affine(wide["W"].copy(), wide["b"].copy()), "forward", images["x"])
        others.append(("images: ", images))
    judge_layer("Affine", Affine, first, second, others, remark)


def judge_softmax_with_loss(SoftmaxWithLoss, remark):
    # y is 1/8, 1/4, 5/8 and 1/4, 1/4, 1/2 in the first batch
    x, t = np.log([[1.0, 2, 5], [4, 4, 8]]), np.array([[0, 1, 0], [0, 0, 1]])
    second = np.log([[6.0, 2, 2], [1, 1, 2]]), np.array([[0, 0, 1], [1, 0, 0]])
    three = np.log([[3.0, 1, 2, 2], [1, 1, 5, 1], [2, 3, 1, 4]]), np.eye(4)[[1, 2, 3]]
    envs = [{"x": x, "t": t, "dout": 1} for x, t in ((x, t), second, three)]
    judge_layer("SoftmaxWithLoss", SoftmaxWithLoss, *envs[:2], [("", envs[2])], remark)

    def loss_of(x, t):
        return call(SoftmaxWithLoss(), "forward", x, t)

    large = np.array([[ASKED, 1001, 1002], [-ASKED, -1000, -1001]])
    loss = np.squeeze(loss_of(large, t))
    own_largest = say("before exp subtract from each row its own largest score")
    hint = "" if np.all(np.isfinite(loss)) else own_largest
    expect(say("loss for scores of 1000"), loss, right_loss(large, t)[0], hint)
    # What exercises.py doesn't ask for is worth a remark only.
    got, want = np.ravel(loss_of(x, t))[0], right_loss(x, t)[0]
    if not alike(got, want, 1e-10) and np.asarray(got).dtype == np.float64:
        words = "the loss is {got} instead of {want}; is 1e-7, or so, added to y?"
        remark(say(words, got=f"{got:.9f}", want=f"{want:.9f}"))
    apart = np.array([[0.0, 1, 2], [1000, 1001, 1002]])
    for words, scores, labels, rows, hint in (
        ("rows of scores 1000 apart: ", apart, t, t, own_largest),
        ("a score of 1000 for a wrong class: ", np.array([[1000.0, 0]]),
         np.array([[0, 1]]), np.array([[0, 1]]), ""),
        ("class numbers as labels t: ", x, t.argmax(axis=1), t, ""),
    ):  # fmt: skip
        with told(say(words), remark=remark):
            loss = loss_of(scores, labels)
            expect("loss", np.squeeze(loss), right_loss(scores, rows)[0], hint)
    layer = SoftmaxWithLoss()
    call(layer, "forward", x, t)
    with told(say("dout = 2: "), remark=remark):
        if not alike(call_backward(layer, 2, remark), 2 * right_loss(x, t)[1]):
            remark(say("backward takes no notice of its dout"))


# numerical_gradient


def judge_numerical_gradient(numerical_gradient, remark):
    def trial():
        for x in np.array([3.0, 4, -1]), np.array([[1.0, 2, 0.5], [-1, 3, 2]]), np.ones((2, 1, 2)):
            start = x.copy()
            cubes, slopes = (lambda x: np.sum(x**3)), 3 * x**2
            # At a kink a central difference is 0, and a forward difference 1.
            kinks = lambda x, a=start: np.sum(np.abs(x - a))  # noqa: E731
            for name, f, slope, reads in (
                ("f(x) = sum(x³): ", cubes, slopes, False),
                ("f(x) = sum(x³) that reads x itself: ", cubes, slopes, True),
                ("f(x) = sum(|x - a|) at x = a: ", kinks, 0 * x, False),
            ):
                shown = (lambda _, f=f, x=x: f(x)) if reads else f
                shown.__qualname__ = "f"  # Python names it in an error
                env = {"f": f, "x": start, "slope": slope, "reads": reads}
                grad = call_function(numerical_gradient, shown, x)
                yield Record("grad", "grad", grad, env, say(name), tolerance=5e-7)
                with told(say(name)):
                    expect(say("x afterwards"), x, start, say("put each old value back"), 1e-9)
                if not np.array_equal(x, start):
                    remark(say("x is as before but for rounding; put the old value back"))
                    x[...] = start

    settle("numerical_gradient", trial())


# predict and gradient


def judge_network(part, TwoLayerNet, names, known):
    """With the student's own layers. If that fails, with right ones in the place of wrong ones.

    So a wrong layer isn't counted twice. Nor is a wrong predict: another stands in for it.
    """
    deadly = {each for each, verdicts in known.items() if not verdicts}
    classes = {each: [layer for _, layer in candidates(names, each)] for each in LAYERS}

    def is_wrong(each):
        return {verdict.status for verdict in verdicts_on(each, names, known)} != {"right"}

    def tries():  # (layers with a stand-in, has it its own predict?)
        if not deadly & {*LAYERS, "predict"}:
            yield set(), True
        wrong = {each for each in LAYERS if is_wrong(each)}
        if wrong and "predict" not in deadly:
            yield wrong, True
        if part == "gradient" and is_wrong("predict"):
            yield wrong, False

    for replaced, own_predict in tries():
        try:
            with stand_ins(names, classes, replaced, deadly, TwoLayerNet, own_predict) as calls:
                return settle(part, TRIALS[part](TwoLayerNet, *calls))
        except (Wrong, NotYet) as error:
            last = error
    raise last


NETWORK_BATCHES = [
    ("", np.array([[1.0, 2, -1], [0, -1, 1], [2, 0, 3]]), np.eye(2)[[0, 1, 1]]),
    ("second batch: ", np.array([[-2.0, 1, 1], [3, 0, -1], [1, 1, 0]]), np.eye(2)[[1, 1, 0]]),
    ("one sample: ", np.array([[1.0, -1, 2]]), np.eye(2)[[1]]),
]


def try_predict(TwoLayerNet, log, made):
    net, start = new_network(TwoLayerNet)
    for batch, x, _ in NETWORK_BATCHES:
        log.clear()
        with told(say(batch), called_wrongly(log, "forward", True)):
            scores = call(net, "predict", x, free=True)
        env = {"x": x, "start": start, **{key: np.array(net.params[key]) for key in KEYS}}
        more = {"notes": [*called_wrongly(log, "forward")], "tolerance": tolerance_of(net, log)}
        yield Record("scores", "scores", scores, env, say(batch), **more)


def try_gradient(TwoLayerNet, log, made):
    (net, start), before = new_network(TwoLayerNet), {}
    for batch, x, t in NETWORK_BATCHES:
        params = {key: np.array(net.params[key]) for key in KEYS}
        log.clear()
        with told(say(batch), called_wrongly(log, "backward", True)):
            grad = call(net, "gradient", x, t, free=True)
            check_dict("gradient", grad)
        more = {"notes": [*called_wrongly(log, "backward")], "tolerance": tolerance_of(net, log)}
        exact = True
        for key in KEYS:
            env = {"x": x, "t": t, "params": params, "start": start, "key": key}
            is_row = (1, *getattr(grad[key], "shape", ())) == params[key].shape
            got = grad[key][np.newaxis] if is_row else grad[key]  # as update broadcasts it
            record = Record(f"grad[{key!r}]", "grad", got, env, say(batch), before.get(key), **more)
            yield record
            exact &= alike(got, record.want("gradient"), 1e-12)
            with told(say(batch)):
                expect(say("params[{key!r}] afterwards", key=key), net.params[key], params[key],
                       say("gradient only computes; leave the parameters as they are"))  # fmt: skip
            before[key] = env
        # Differences are never that exact, nor do layers hold them, and backprop needs few calls.
        calls = Counter((method, name) for method, name, _ in log)
        held = all(any(np.array_equal(grad[key], getattr(layer, f"d{key[0]}", None))
                       for layer, _, _ in made.values()) for key in KEYS)  # fmt: skip
        many = calls["numerical_gradient", ""] or max(calls.values(), default=0) > 10
        if many and not exact and not held:
            raise Wrong(say("these are numerical gradients; use backward"))


def tolerance_of(net, log):
    """Half precision has few digits, whether the parameters have it or what a layer is given."""
    arrays = [*net.params.values(), *(each for _, _, args in log for each in args)]
    return 0.02 if any(getattr(each, "dtype", None) == np.float16 for each in arrays) else 1e-5


def check_dict(what, value):
    if not hasattr(value, "keys"):
        hint = say("is a return missing?") if what == "gradient" and value is None else ""
        words = "{what}: expected a dict, got {kind}"
        raise Wrong(joined(say(words, what=what, kind=type(value).__name__), hint))
    if missing := [key for key in KEYS if key not in value]:
        words = "{what}: expected the keys {expected}, got {got}; without {missing}"
        keys = {"expected": KEYS, "got": map(str, value), "missing": missing}
        keys = {name: say(", ").join(each) for name, each in keys.items()}
        raise Wrong(say(words, what=what, **keys))


def new_network(TwoLayerNet):
    """TwoLayerNet(3, 4, 2) with other parameters than it starts with; and these."""
    sizes, rng = (3, 4, 2), np.random.default_rng(17)
    with contextlib.suppress(ValueError):  # no signature
        try:
            inspect.signature(TwoLayerNet).bind(*sizes)
        except TypeError:
            sizes = *sizes, 0.01  # weight_init_std without a default
    seed(0)  # the same numbers in each sentence, whenever it is graded
    net = call_function(TwoLayerNet, *sizes, free=True)
    check_dict("self.params", getattr(net, "params", None))
    start = {key: np.array(net.params[key]) for key in KEYS}
    for key, shape in zip(KEYS, SHAPES):
        got = np.shape(net.params[key])
        if got != shape and got != (1, *shape):  # b as one row is as good
            words = "{what}: expected shape {want}, got {got}"
            raise Wrong(say(words, what=f"params[{key!r}]", want=shape, got=got))
        net.params[key][...] = rng.standard_normal(shape).round(1)  # scores of both signs
    return net, start


# update


def judge_update(update, remark):
    shapes, rng = {"W1": (3, 2), "b1": (2,), "W2": (3, 2), "b2": (2,)}, np.random.default_rng(0)

    def trial():
        for first, keys in ("", "W1 b1 W2 b2"), ("keys in another order: ", "W2 b2 W1 b1"):
            params, grad = ({key: rng.integers(1, 9, shape) / 2 for key, shape in shapes.items()}
                            for _ in range(2))  # fmt: skip
            grad = {key: grad[key] for key in keys.split()}
            arrays, given = params.copy(), {key: each.copy() for key, each in grad.items()}
            for batch, rate in (first, 0.1), ("second update: ", 0.01):
                before = {key: each.copy() for key, each in params.items()}
                with told(say(batch)):
                    returned = call_function(update, params, grad, rate)
                for key in shapes:
                    env = {"before": before, "grad": given, "rate": rate, "key": key}
                    got = copy.copy(params.get(key))
                    record = Record(f"params[{key!r}]", "params", got, env, say(batch))
                    want = record.want("update")
                    if arrays[key] is not params.get(key) and alike(got, want):
                        words = ("params[{key!r}] is a new array; change that of the layers in "
                                 "place, as params[key] -= ...")  # fmt: skip
                        raise Wrong(say(words, key=key))
                    own = returned.get(key) if hasattr(returned, "get") else None
                    if alike(got, before[key]) and alike(own, want):
                        raise Wrong(say("what is returned is right, but change params in place"))
                    yield record
                if any(not np.array_equal(grad[key], given[key]) for key in shapes):
                    remark(say("update changes grad"))
                    grad = {key: each.copy() for key, each in given.items()}

    settle("update", trial())


JUDGES = {"Relu": judge_relu, "Sigmoid": judge_sigmoid, "Affine": judge_affine,
          "SoftmaxWithLoss": judge_softmax_with_loss,
          "numerical_gradient": judge_numerical_gradient, "update": judge_update}  # fmt: skip
TRIALS = {"predict": try_predict, "gradient": try_gradient}
PARTS = list(RIGHT)
