"""The spool: a bounded queue of frames on disk that survives crashes and tells what damage took."""

from fairlead.core.spool.cursor import Problem as Problem
from fairlead.core.spool.spool import Frame as Frame
from fairlead.core.spool.spool import Place as Place
from fairlead.core.spool.spool import Spool as Spool
from fairlead.core.spool.spool import SpoolFull as SpoolFull
from fairlead.core.spool.spool import log_problem as log_problem
