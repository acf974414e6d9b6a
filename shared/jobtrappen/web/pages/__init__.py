# SPDX-License-Identifier: MPL-2.0
"""Server-rendered pages: the second way in. They read and command through the routes of the API, so they obey the same
rights and leave the same record; what is here beside is the frame, the sign-in, the words and the forms."""
