"""Draw the losses that `fmnist demo --output demo.json` wrote.

python docs/examples/demo_losses.py demo.json demo.svg
"""

import json
import sys
from pathlib import Path

from pictures import draw_losses

if __name__ == "__main__":
    report, picture = map(Path, sys.argv[1:])
    draw_losses(json.loads(report.read_text(encoding="utf-8")), picture)
