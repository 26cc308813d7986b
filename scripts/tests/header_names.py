# SPDX-License-Identifier: Apache-2.0
"""Which names a C++ header defines at namespace scope. No C++ parser: a scanner for headers formatted as this project's are."""

import re

COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'', re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
TYPE = re.compile(r"\b(?:struct|class|union|enum(?: class| struct)?) (\w+)\b(?! *\*)")
TEMPLATE = re.compile(r"^template *<(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*> *")
FUNCTION = re.compile(r"([\w~]+|operator *[^\w\s(]+|operator *\(\)) *(\(.*\))")
PARAMETER_NAME = re.compile(r"(?<=[\s&*>])\w+(?= *[,)])")
VARIABLE = re.compile(r"(\w+)(?: *\[[^\]]*\])* *(?:=|$)")


def balanced(text, at):
    """The index behind the brace that closes the one at `at`."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    return len(text)


def name_of(head):
    """What a declaration whose body is in braces, or whose value follows, defines: overloads differ by their parameters."""
    head = TEMPLATE.sub("", head)
    before = head.split("(")[0]
    if (found := TYPE.match(head)) and ("(" not in head or "<" in before):
        rest = head[found.end():].lstrip()
        specialised = rest[: rest.index(">") + 1] if rest.startswith("<") and ">" in rest else ""
        return found.group(1) + specialised
    if "(" in head and "=" not in before and (found := FUNCTION.search(head)):
        return found.group(1) + PARAMETER_NAME.sub("", found.group(2)).replace(" ", "")
    found = VARIABLE.search(head)
    return found.group(1) if found else None


def defined_names(text):
    """Qualified names of the types, functions with a body and variables of a header; anonymous namespaces are left out."""
    text = DIRECTIVE.sub("", COMMENT_OR_STRING.sub(lambda m: "" if m.group().startswith("/") else '""', text))
    names, scopes, at, start = [], [], 0, 0
    while at < len(text):
        head = re.sub(r"\s+", " ", text[start:at]).strip()
        sign = text[at]
        at += 1
        if sign == "}":
            scopes.pop()
        elif sign == "{" and (opened := re.fullmatch(r'(?:inline )?namespace ?([\w:]*)|extern ""', head)):
            scopes.append(opened.group(1))
        elif sign == "{":
            if (name := name_of(head)) and "" not in scopes:
                names.append("::".join([*filter(None, scopes), name]))
            at = balanced(text, at - 1)
            if head.endswith(("=", ")", "const", "noexcept")) or "(" not in head:
                at += len(text[at:]) - len(text[at:].lstrip("; \n"))
        elif sign == ";":
            if re.match(r"(inline |constexpr |static |extern )*(inline|constexpr)\b", head) and "=" in head and "" not in scopes:
                names.append("::".join([*filter(None, scopes), name_of(head.split("=")[0].strip())]))
        else:
            continue
        start = at
    return names
