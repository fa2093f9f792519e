"""The picture of a training: the loss by update, and the accuracies by epoch."""

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from matplotlib.transforms import ScaledTranslation

from ch05.tools.figures import colours, font_points, new_figure


def draw_history(history, ax=None):
    """The loss by update, and the accuracies by epoch.

    ax : two axes of yours to draw in, as plt.subplots(1, 2) gives them; one, for the loss only

    Returns a figure, see pictures.py.
    """
    loss = np.array(history.train_loss_list, float)
    if len(loss) == 0:
        raise ValueError("expected the history of one update or more, got an empty one")
    curves = _accuracies(history)
    if ax is None:
        panels = 2 if curves else 1
        figure = new_figure(4.5 * panels, 2.4 + 0.1 * font_points(), layout="constrained")
        ax = figure.subplots(1, panels)
    axes = np.ravel(ax)
    _draw_loss(axes[0], loss)
    if curves and len(axes) > 1:
        _draw_accuracies(axes[1], curves, history.end_accuracies or ())
    return axes[0].figure


def _accuracies(history):
    """[(epochs, training), (epochs, test)], after the first update of each epoch, at the end."""
    epoch, curves = history.iter_per_epoch, []
    ends = history.end_accuracies or (None, None)
    for accuracies, end in zip((history.train_acc_list, history.test_acc_list), ends):
        x, curve = np.arange(len(accuracies)) + 1 / epoch, np.array(accuracies, float)
        if end is not None:
            x, curve = np.append(x, len(history.train_loss_list) / epoch), np.append(curve, end)
        curves.append((x, curve))
    return curves if any(len(x) for x, _ in curves) else []


def _draw_loss(ax, loss):
    palette = colours()
    marker = "." if len(loss) < 50 else ""
    window = min(100, len(loss) // 5)
    each = {"color": palette.grey(0.3), "linewidth": 0.6} if window > 1 else {"color": palette.blue}
    ax.plot(np.arange(len(loss)) + 1, loss, marker=marker, label="each batch", **each)
    if window > 1:
        mean = np.convolve(loss, np.full(window, 1 / window), mode="valid")
        middle = np.arange(len(mean)) + (window + 1) / 2  # the first update is number 1
        ax.plot(middle, mean, marker=marker, color=palette.blue, label=f"mean of {window}")
    ax.set(xlabel="update", ylabel="loss")
    ax.xaxis.set_major_locator(_few_integers())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    if 0 < loss.min() < loss.max() / 10:
        ax.set_yscale("log")
        few = np.log10(loss.max() / loss.min()) < 40 / font_points()  # decades
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}"))
    else:
        ax.ticklabel_format(axis="y", style="plain", useOffset=False)
    _finish(ax)


def _draw_accuracies(ax, curves, end):
    palette = colours()
    train, test = (f" {accuracy:.4f}" for accuracy in end) if end else ("", "")
    looks = [  # a line and its points, its colour, its name
        ("-o", {"color": palette.blue, "label": f"training{train}", "markerfacecolor": "none"}),
        ("--s", {"color": palette.orange, "label": f"test{test}", "markerfacecolor": "none"}),
    ]
    for curve, (line, look) in zip(curves, looks):
        ax.plot(*curve, line, **look)
    last = max(x.max(initial=1) for x, _ in curves)
    ax.set(xlabel="epoch", ylabel="accuracy", xlim=(-0.05 * last, 1.05 * last), ylim=(-0.03, 1.03))
    ax.xaxis.set_major_locator(_few_integers())
    _finish(ax)
    start, low, high = _where_they_coincide(curves)
    if start is None or ax.figure.get_layout_engine() is None:  # the legend may be anywhere
        return
    # The inset stands where no point is: right of the first ones, below the others or above.
    pad = 0.012 * font_points()  # for its tick labels, and for its title
    left, bottom = start / last + 0.05 + pad, 0.04 + pad
    bottom, top = (bottom, low - 0.07 - pad) if low > 0.5 else (high + 0.07 + pad, 0.96 - pad)
    if left > 0.6 or top - bottom < 0.2:
        return
    inset = ax.inset_axes([left, bottom, 0.96 - left, top - bottom])
    for (x, accuracy), (line, look) in zip(curves, looks):
        inset.plot(x[x >= start], accuracy[x >= start], line, markersize=4, **look)
    inset.set_title("the same, enlarged", fontsize=0.8 * font_points(), pad=2)
    inset.tick_params(labelsize=0.8 * font_points())
    inset.xaxis.set_major_locator(_few_integers())
    inset.yaxis.set_major_locator(MaxNLocator(4))
    inset.grid(alpha=0.3)


def _where_they_coincide(curves):
    """The epoch from which both curves are too close to be told apart; lowest, highest accuracy."""
    (x, train), (x_test, test) = curves
    if len(x) == len(x_test):
        for k in range(len(x) - 2):
            both = np.concatenate([train[k:], test[k:]])
            if 0 < np.ptp(both) < 0.15 and np.abs(train[k:] - test[k:]).mean() < 0.04:
                return x[k], both.min(), both.max()
    return None, None, None


def _finish(ax):
    """A grid, and the legend: below, where it covers nothing, if the figure makes room for it."""
    ax.grid(alpha=0.3)
    points = font_points()
    if ax.figure.get_layout_engine() is None:
        return ax.legend(loc="best")
    below = ScaledTranslation(0, -(7 + 2.6 * points) / 72, ax.figure.dpi_scale_trans)
    where = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "borderaxespad": 0}
    where["bbox_transform"] = ax.transAxes + below
    ax.legend(**where, ncols=2 if points <= 13 else 1, fontsize=points, frameon=False)


def _few_integers():
    """Ticks for an axis of counts: fewer with a larger font."""
    most = max(3, min(5, int(50 / font_points())))
    return MaxNLocator(most, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
