# SPDX-License-Identifier: MPL-2.0
"""Who may do what on the broker: the rights that each service needs and no more, as ACLs, and the users' SCRAM log-ins.

`grants` is plain data; `allow` and `log_ins` need a log-in that may. All imports of kafka are inside functions, as in bus/kafka.py.
"""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobtrappen.config import PUBLIC_TOPIC
from jobtrappen.errors import BadConfiguration, BusError

if TYPE_CHECKING:
    from jobtrappen.runtime import Service

INSTEAD = "grant it with `jobtrappen topics --acls`"


@dataclass(frozen=True, order=True)
class Grant:
    """One right of one user. `kind` is topic or group; a group's name is a beginning, so that a rebuild may use one of its own."""

    user: str
    operation: str
    kind: str
    name: str

    def __str__(self) -> str:
        beginning = " (and what begins so)" if self.kind == "group" else ""
        return f"{self.user}: {self.operation} {self.kind} {self.name}{beginning}"


def grants(services: Iterable[Service], users: Mapping[str, str], integrators: Sequence[str]) -> list[Grant]:
    """A service writes its own topic and the public one and reads those that it listens to; an integrator reads the public one.

    Args:
        users: the broker user of a service, where it is not the service's own name.
        integrators: their broker users; their groups begin with that name.
    Raises:
        BadConfiguration: an integrator's name would give it a service's groups.
    """
    found = []
    for service in services:
        user = users.get(service.name, service.name)
        found += [Grant(user, "WRITE", "topic", topic) for topic in service.writes]
        found += [Grant(user, "READ", "topic", topic) for topic in service.reads]
        found += [Grant(user, "READ", "group", f"jobtrappen.{service.name}")]
    taken = {grant.user for grant in found}
    for name in integrators:
        if name in taken or "jobtrappen".startswith(name) or name.startswith("jobtrappen"):
            raise BadConfiguration(f"--integrator {name}: is or begins like a service's name; choose another")
        found += [Grant(name, "READ", "topic", PUBLIC_TOPIC), Grant(name, "READ", "group", name)]
    return sorted(found)


def allow(admin: Any, wanted: Sequence[Grant]) -> list[str]:
    """Create what is missing.

    Returns: rights that these users have beside the wanted ones, in words; they are left as they are.
    """
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

    answer = admin.create_acls([ACL(f"User:{grant.user}", "*", ACLOperation[grant.operation], ACLPermissionType.ALLOW,
                                    ResourcePattern(ResourceType[grant.kind.upper()], grant.name, _pattern(grant))) for grant in wanted])
    if answer["failed"]:
        raise BusError(f"the broker took {len(answer['succeeded'])} of {len(wanted)} ACLs: {answer['failed'][0].__name__}; it needs an authorizer, and a "
                       "log-in that may alter the cluster")
    return sorted(found for user in {grant.user for grant in wanted} for found in _beside(admin, user, set(wanted)))


def _pattern(grant: Grant) -> Any:
    from kafka.admin import ACLResourcePatternType

    return ACLResourcePatternType.PREFIXED if grant.kind == "group" else ACLResourcePatternType.LITERAL


def _beside(admin: Any, user: str, wanted: set[Grant]) -> list[str]:
    from kafka.admin import (
        ACLFilter,
        ACLOperation,
        ACLPermissionType,
        ACLResourcePatternType,
        ResourcePatternFilter,
        ResourceType,
    )

    everything = ACLFilter(f"User:{user}", None, ACLOperation.ANY, ACLPermissionType.ANY,
                           ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY))
    there, _error = admin.describe_acls(everything)
    found = []
    for acl in there:
        at = acl.resource_pattern
        grant = Grant(user, acl.operation.name, at.resource_type.name.lower(), at.resource_name)
        if grant not in wanted or at.pattern_type != _pattern(grant) or acl.permission_type != ACLPermissionType.ALLOW:
            found.append(f"{acl.permission_type.name.lower()} {grant}")
    return found


def log_ins(admin: Any, passwords: Mapping[str, str]) -> None:
    """Give each user this password (SCRAM-SHA-512); one that has another gets this one."""
    from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

    answers = admin.alter_user_scram_credentials([UserScramCredentialUpsertion(user, ScramMechanism.SCRAM_SHA_512, password)
                                                  for user, password in sorted(passwords.items())])
    if failed := {user: error for user, error in answers.items() if error}:
        raise BusError(f"the broker did not take these log-ins: {failed}")


def wrong_with_topics(found: Mapping[str, Mapping[str, Any]], read: Sequence[str], write: Sequence[str]) -> list[str]:
    """One line for each topic that is missing or not allowed, from what the broker says of them."""
    from kafka.errors import for_code

    wrong = []
    for name, topic in sorted(found.items()):
        allowed = topic.get("authorized_operations")
        needs = {"READ" for one in read if one == name} | {"WRITE" for one in write if one == name}
        if topic["error_code"]:
            wrong.append(f"topic {name}: {for_code(topic['error_code']).__name__}; create it with `jobtrappen topics`, or let this user see it: {INSTEAD}")
        elif allowed is not None and (missing := needs - set(allowed)) and "ALL" not in allowed:
            wrong.append(f"topic {name}: this user may not {' or '.join(sorted(missing)).lower()} it; {INSTEAD}")
    return wrong


def wrong_with_group(admin: Any, group: str) -> list[str]:
    """A line when this user may not be a member of the group."""
    from kafka.errors import GroupAuthorizationFailedError, KafkaError

    try:
        admin.describe_groups([group])
    except GroupAuthorizationFailedError:
        return [f"group {group}: this user may not join it; {INSTEAD}"]
    except KafkaError:
        return []  # a fresh broker has no coordinator yet; who joins will hear what is wrong
    return []
