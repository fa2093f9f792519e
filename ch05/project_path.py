"""Where a file of ch05/ is started as a file, Python finds common, dataset and ch05 by this.

Importing ch05 then looks at Python's version and at the packages that are needed.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import ch05  # noqa: F401
