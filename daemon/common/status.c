/* status.c - exit statuses, and what helps against an error. */
#include <string.h>
#include <sysexits.h>

#include "segreg.h"
#include "common/status.h"

int tool_status_from_code(int code)
{
	switch (code) {
	case 0:
		return EX_OK;
	case SEGREG_E_INVAL:
		return EX_USAGE;
	case SEGREG_E_PATH:
	case SEGREG_E_CORRUPT:
		return EX_DATAERR;
	case SEGREG_E_NOENT:
	case SEGREG_E_NOFILE:
		return EX_NOINPUT;
	case SEGREG_E_EXISTS:
		return EX_CANTCREAT;
	case SEGREG_E_FULL:
	case SEGREG_E_NOMEM:
	case SEGREG_E_NOSPC:
	case SEGREG_E_REGION_LOST:
	case SEGREG_E_UNSUPPORTED:
		return EX_UNAVAILABLE;
	case SEGREG_E_BUSY:
	case SEGREG_E_CONFLICT:
	case SEGREG_E_TIMEDOUT:
	case SEGREG_E_REOPEN:
	case SEGREG_E_EVICTED:
	case SEGREG_E_CALLED_OFF:
		return EX_TEMPFAIL;
	case SEGREG_E_PERM:
		return EX_NOPERM;
	case SEGREG_E_VERSION:
	case SEGREG_E_MISMATCH:
		return EX_CONFIG;
	case SEGREG_E_IO:
		return EX_IOERR;
	default:
		return EX_SOFTWARE;
	}
}

const char *tool_status_find_way_out(int code, const char *text)
{
	if (strstr(text, "; ") || strstr(text, "segctl "))
		return "";
	switch (code) {
	case SEGREG_E_CORRUPT:
		return strstr(text, "registry.mdb") ? "; restore it from a backup, and run segctl init --adopt"
						    : "; end all processes of the registry and start them again: its "
						      "shared memory is built anew";
	case SEGREG_E_TIMEDOUT: /* otherwise nothing is wrong: the event did not come in time */
		return strstr(text, "process") ? "; end that process, or try again" : "";
	case SEGREG_E_BUSY:
	case SEGREG_E_REOPEN:
		return "; try again";
	case SEGREG_E_NOMEM:
		return "; free memory, or raise the limit of this process or of its control group (MemoryMax=)";
	case SEGREG_E_NOENT:
		return strstr(text, "the registry")    ? "; give another directory, or make the registry: segctl init"
		       : !strncmp(text, "segment ", 8) ? "; segctl ls shows what is registered"
						       : "";
	default:
		return "";
	}
}
