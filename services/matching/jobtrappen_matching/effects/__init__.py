# SPDX-License-Identifier: MPL-2.0
"""What single steps do beside changing state. Imported once, by app.py."""
from jobtrappen_matching.effects import agreements, matches

__all__ = ["agreements", "matches"]
