"""The chapter's training in several processes, with the options of train_neuralnet.py.

    mpiexec -n 2 python ch05/parallel/train_parallel.py --hidden 1000 --batch-size 1000

The first process (rank 0) prints, draws and saves.
"""

import functools
import importlib.util
import sys
import warnings
from pathlib import Path

if not __package__:  # started as a file: let `ch05` and `common` be found
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from ch05.parallel.data_parallel import DataParallel
from ch05.parallel.ranks import end, together, world
from ch05.tools.options import parse_training
from ch05.tools.script import run_script
from ch05.tools.train_output import finish, print_row
from ch05.train_neuralnet import train


def main(argv=None):
    parse = functools.partial(parse_training, prog="train_parallel.py")
    if importlib.util.find_spec("mpi4py") is None:
        parse(argv)  # --help, and what is wrong with the options, can be said without it
    comm = world()
    args = together(parse, argv, comm)
    first = comm.rank == 0
    if not first:
        warnings.simplefilter("ignore")  # one of them says it
    history = train(
        DataParallel(args.network, comm),
        args.train_set,
        args.test_set,
        iters_num=args.iters,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        rng=args.rng,
        on_epoch=(lambda history: print_row(args, history)) if first else None,
    )
    return finish(args, history) if first else 0


if __name__ == "__main__":
    run_script(main, at_end=end)
