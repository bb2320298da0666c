"""python -m netos: the netos command."""

import sys

from netos.cli.main import main

sys.exit(main())
