# SPDX-License-Identifier: MPL-2.0
"""One function for each thing a user can do, one module a topic; what a lifecycle's step does beside stands in effects/."""
from jobtrappen_matching.usecases import agreements, employers, matches, openings

__all__ = ["agreements", "employers", "matches", "openings"]
