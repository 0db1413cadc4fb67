#!/usr/bin/env python3
"""policies/ and the validator say the same.

    test_policies.py TOOL ROOT            runs every check; exits 1 if one fails
    test_policies.py --update TOOL ROOT   writes the JSON Schema and the tables of policies/README.md anew

TOOL is policy_tool. Checked: the schema and the reference are what the rule tables make; every example is valid to the
validator and to the schema, alone and all together; and thousands of mutated documents get the same verdict from the
validator (C) and from a JSON Schema validator (python3-jsonschema), except for the rules in BEYOND_SCHEMA, which no schema
can say: there the validator alone must refuse, each of those rules must come up, and the schema must never refuse what
the validator takes.
"""
import copy
import json
import os
import re
import subprocess
import sys

import jsonschema

# What the validator says -> why a schema cannot.
BEYOND_SCHEMA = {
    r"^no such dependency": "a name that must be given elsewhere",
    r"^no such fleet": "a name that must be given elsewhere",
    r"its share cannot be told without a size": "another fleet's member",
    r"wait for itself|wait for each other": "a circle",
    r"never fits in a burst": "two values compared",
    r"never fits in an in-flight limit": "two values compared",
    r"^leaves nothing of a burst": "two values compared",
    r"^leaves nothing of an in-flight limit": "two values compared",
    r"^longer than the interval": "two values compared",
    r"must be below \"hard\"": "two values compared",
    r"^begins above its end": "two parts of a text compared",
    r"^its base .* is longer than its max": "two values compared",
    r"^out of range; write a value from \d+(ms|s|m|h) to \d+(ms|s|m|h)$": "the size of a duration, which is a text",
    r"^too fine; round it to whole milliseconds": "the size of a duration, which is a text",
    r"^too fine; round it to a multiple of": "multipleOf errs on decimal fractions in most schema validators",
    r"^must have \d+ to \d+ bytes": "a schema counts characters",
    r"^\\u0000 has no place": "the bytes of the text",
    r"^nested too deep": "depth",
}

EVERYTHING = {
    "$schema": "./headgate-policy.schema.json", "policy": "everything", "generation": 12, "mode": "observe",
    "dependencies": {
        "db": {
            "probes": [
                {"tcp": "db.internal:5432", "interval": "2s", "timeout": "500ms", "rise": 3, "fall": 2, "jitter": 0.1},
                {"http": "http://db.internal:8000/healthz", "status": "200-299",
                 "gauge": {"json": "/queue/depth", "soft": 200, "hard": 2000}},
                {"dns": "db.internal", "min_addresses": 2, "server": "10.0.0.2:53"},
                {"redis": "redis://user:pass@cache.internal:6379/1"},
                {"exec": ["/bin/true", "-v"]}],
            "request_timeout": "2s", "bucket": {"rate": 50.5, "burst": 20}, "in_flight": {"max": 400},
            "reserve": {"burst": 2, "in_flight": 10}, "limiter": {"mode": "fixed"}},
        "queue": {}},
    "fleets": {
        "api": {"size": 100, "needs": {"db": 1, "queue": 2}, "lease": "2m", "weight": 8,
                "backoff": {"base": "1s", "max": "1m", "jitter": "full", "attempts": 8, "retry_share": 0.1,
                            "forget": "1h"},
                "quarantine": {"max": 10}},
        "web": {"needs": {"db": 1}, "after": {"api": {"share": 0.95, "at_latest": "30m"}}}},
    "on_store_loss": {"mode": "degrade", "share": 0.5, "after": "3s"},
}

SWAPS = [None, True, False, 0, 1, -1, 7, 1.5, 0.0005, 1e300, "", "x", "5m", "1.5s", "0.5ms", "x\u00e9", [], ["x"], [1], {},
         {"x": 1}, {"a b": 1}]
TEXTS = ["{}x", "x{}", " {}", "{}{}", "\u0000{}", "{}\u00fc"]
DURATIONS = ["0s", "1ms", "9ms", "10ms", "99ms", "100ms", "999ms", "1s", "59m", "60m", "61m", "1h", "24h", "25h", "719h",
             "720h", "721h", "1.5h", "0.001s", "0.0001s", "5", "5d", "-1s", "1e3s", "99999999999999999999h", "1.s", ".5s"]
PARTICULAR = {
    "tcp": ["[::1]:1", "a:65535", "a:65536", "a:0", ":1", "a", "a:b", "a b:1", "a:1:2", "http://a:1", "x" * 250 + ":1234",
            "x" * 251 + ":1234"],
    "http": ["https://a", "http://[::1]:80/x", "http://", "ftp://a", "http://a:0/", "http://a:1/ x", "http://u:p@a/?q#f",
             "http://a?x", "http://a/" + "x" * 1991, "http://a/" + "x" * 1992],
    "dns": ["a.", ".a", "a..b", "a_b.c-d", "x" * 63, "x" * 64, "a b", "a." * 126 + "a", "a." * 127],
    "redis": ["redis://a", "redis://:x@a:1/9", "redis://a/x", "rediss://a", "redis://a:99999", "redis://@a"],
    "server": ["10.0.0.2:53", "[fd00::2]:53", "10.0.0.2", "ns:53", "10.0.0.2:0"],
    "json": ["/a", "/", "/a/0/~0~1", "a", "/~", "/~2", "//", "/" + "x" * 199, "/" + "x" * 200, "/\u00fc" * 80],
    "status": ["200", "199-200", "200-199", "600", "099", "20", "200-", "200-300-400", "200 - 300"],
    "policy": ["a", "0.b_c-d", "A", "-a", ".a", "a" * 63, "a" * 64, "a b", "\u00fc"],
}


def places(value, path=()):
    """Every place below a document, itself included."""
    yield path, value
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, path + (key,))


def with_change(document, path, change):
    """A copy in which `change` has been given the holder of the place and its key there."""
    copied = {"root": copy.deepcopy(document)}
    holder = copied
    full = ("root",) + path
    for key in full[:-1]:
        holder = holder[key]
    change(holder, full[-1])
    return copied.get("root")


def set_to(value):
    def change(holder, key):
        holder[key] = copy.deepcopy(value)
    return change


def remove(holder, key):
    del holder[key]


def resolve(schema, root):
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def schema_at(root, path):
    """The part of the schema that rules a place."""
    schema = root
    for key in path:
        schema = resolve(schema, root)
        if isinstance(key, int):
            schema = schema.get("items", {})
        else:
            schema = schema.get("properties", {}).get(key) or schema.get("additionalProperties") or {}
    return resolve(schema, root)


def bounds(schema):
    """The numbers at and just beyond what a schema allows."""
    for name in ("minimum", "maximum"):
        if name in schema:
            step = 1 if schema["type"] == "integer" else 0.001
            yield from (round(schema[name] + d, 6) for d in (-step, 0, step, -step / 2000, step / 2000))


def all_keys(schema):
    return sorted({key for table in [schema, *schema["$defs"].values()] for key in table["properties"]})


def mutate_object(document, path, value, rules, keys):
    known = rules.get("properties")
    if known is not None:
        for key in keys + ["x", "x-y", "a.b", "", "\u00fc", "Mode", "__proto__"]:
            if key not in value:
                yield with_change(document, path + (key,), set_to(1))
                yield with_change(document, path + (key,), set_to({}))
        return
    for name in ("Bad", "", "a b", "-a", "a" * 63, "a" * 64, "ok.name_1-x"):
        for inner in value.values():
            yield with_change(document, path + (name,), set_to(inner))
    for count in (rules.get("minProperties", 0) - 1, rules["maxProperties"], rules["maxProperties"] + 1):
        if value and count >= 0:
            inner = next(iter(value.values()))
            yield with_change(document, path, set_to({f"n{i}": inner for i in range(count)}))
    yield with_change(document, path, set_to({}))


def mutate_lightly(document):
    for path, _ in places(document):
        if path:
            yield with_change(document, path, remove)
        for other in SWAPS[:8]:
            yield with_change(document, path, set_to(other))


def mutate(document, schema):
    keys = all_keys(schema)
    for path, value in places(document):
        rules = schema_at(schema, path)
        if path:
            yield with_change(document, path, remove)
        for other in SWAPS:
            yield with_change(document, path, set_to(other))
        for number in bounds(rules):
            yield with_change(document, path, set_to(number))
        if isinstance(value, dict):
            yield from mutate_object(document, path, value, rules, keys)
        elif isinstance(value, list) and value:
            for count in (rules.get("maxItems", 0), rules.get("maxItems", 0) + 1):
                yield with_change(document, path, set_to([value[0]] * count))
        elif isinstance(value, str):
            key = path[-1]
            texts = [t.replace("{}", value) for t in TEXTS] + rules.get("enum", []) + PARTICULAR.get(key, [])
            texts += DURATIONS if "duration" in rules.get("description", "") else []
            texts += ["x" * n for n in (rules.get("maxLength", 0), rules.get("maxLength", 0) + 1) if n > 1]
            for text in texts:
                yield with_change(document, path, set_to(text))


def crafted():
    """One document for every rule that a mutation would reach by luck only."""
    base = {"policy": "p", "dependencies": {"db": {}}, "fleets": {"a": {"size": 5, "needs": {"db": 1}}}}
    fleet = {"size": 5, "needs": {"db": 1}}
    for fleets in ({"a": {**fleet, "after": {"b": {}}}, "b": {**fleet, "after": {"a": {}}}},
                   {"a": {**fleet, "after": {"a": {}}}},
                   {"a": {"needs": {"db": 1}}, "b": {**fleet, "after": {"a": {}}}},
                   {"a": {**fleet, "needs": {"db": 501}}}, {"a": {**fleet, "needs": {"db": 11}}}):
        yield {**base, "fleets": fleets}
    for dependency in ({"reserve": {"burst": 10}}, {"reserve": {"in_flight": 500}},
                       {"bucket": {"burst": 10}, "in_flight": {"max": 1}}):
        yield {**base, "dependencies": {"db": dependency}}
    yield {**base, "dependencies": {"db": {"bucket": {"burst": 900}}}, "fleets": {"a": {**fleet, "needs": {"db": 600}}}}
    yield {**base, "a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}}}}}


class Checks:
    def __init__(self, tool, root):
        self.tool = tool
        self.policies = os.path.join(root, "policies")
        self.failures = 0

    def fail(self, text):
        self.failures += 1
        if self.failures <= 20:
            print("FAIL: " + text)

    def run(self, *arguments, text=None):
        return subprocess.run([self.tool, *arguments], input=text, capture_output=True, text=True, check=False)

    def path(self, name):
        return os.path.join(self.policies, name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def examples(self):
        return sorted(n for n in os.listdir(self.policies) if n.endswith(".json") and not n.endswith(".schema.json"))

    def reference(self, readme):
        """The README with its tables as the rules make them."""
        tables = self.run("reference").stdout.strip()
        return re.sub(r"(<!-- reference -->\n).*(<!-- /reference -->)", lambda m: m[1] + "\n" + tables + "\n\n" + m[2], readme,
                      flags=re.DOTALL)

    def update(self):
        schema, readme = self.run("schema").stdout, self.reference(self.read("README.md"))
        for name, text in (("headgate-policy.schema.json", schema), ("README.md", readme)):
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text)

    def check_written(self):
        hint = "; run tests/policies/test_policies.py --update"
        if self.read("headgate-policy.schema.json") != self.run("schema").stdout:
            self.fail("the JSON Schema is not what the rules make" + hint)
        readme = self.read("README.md")
        if "<!-- reference -->" not in readme or self.reference(readme) != readme:
            self.fail("the tables of policies/README.md are not what the rules make" + hint)

    def check_examples(self, validator):
        names = self.examples()
        if len(names) < 5:
            self.fail(f"only {len(names)} examples")
        readme = self.read("README.md")
        for name in names:
            loaded = self.run("load", self.path(name))
            if loaded.returncode != 0:
                self.fail(loaded.stderr)
            for error in validator.iter_errors(json.loads(self.read(name))):
                self.fail(f"{name}: {error.json_path}: {error.message}")
            if f"`{name}`" not in readme and f"({name})" not in readme:
                self.fail(f"policies/README.md does not speak of {name}")
        together = self.run("load", self.policies)
        if together.stdout != f"{len(names)} policies\n":
            self.fail("the examples cannot be loaded together: " + together.stderr)

    def check_verdicts(self, validator, documents):
        lines = sorted({json.dumps(d) for d in documents})
        ran = self.run("verdicts", text="\n".join(lines) + "\n")
        verdicts = [json.loads(line) for line in ran.stdout.splitlines()]
        if ran.returncode != 0 or len(verdicts) != len(lines):
            self.fail(f"{len(lines)} documents, {len(verdicts)} verdicts, exit {ran.returncode}: {ran.stderr}")
        seen = set()
        both = 0
        for line, errors in zip(lines, verdicts):
            refused = not validator.is_valid(json.loads(line))
            rules = [next((r for r in BEYOND_SCHEMA if re.search(r, message)), None) for _, message in errors]
            seen.update(rules)
            both += refused and bool(errors)
            if refused and not errors:
                why = next(validator.iter_errors(json.loads(line)))
                self.fail(f"the schema alone refuses ({why.json_path}: {why.message}): {line}")
            elif errors and not refused and None in rules:
                self.fail(f"the validator alone refuses {errors}: {line}")
        for rule in BEYOND_SCHEMA:
            if rule not in seen:
                self.fail(f"no document came to the rule {rule!r}; the list must not hold what is not needed")
        valid = sum(not errors for errors in verdicts)
        print(f"{len(lines)} documents: {valid} valid, {both} refused by both, "
              f"{len(lines) - valid - both} by rules beyond a schema")
        if valid < 100 or both < 1000:
            self.fail("too few documents of a kind to mean anything")


def main():
    arguments = [a for a in sys.argv[1:] if a != "--update"]
    if len(arguments) != 2:
        print(__doc__)
        return 64
    checks = Checks(*arguments)
    if "--update" in sys.argv:
        checks.update()
        return 0
    checks.check_written()
    schema = json.loads(checks.read("headgate-policy.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    checks.check_examples(validator)
    missing = set(all_keys(schema)) - {key for path, _ in places(EVERYTHING) for key in path}
    if missing:
        checks.fail(f"EVERYTHING lacks {sorted(missing)}: keys that no mutation would reach")
    documents = list(crafted()) + list(mutate(EVERYTHING, schema))
    for name in checks.examples():
        documents += mutate_lightly(json.loads(checks.read(name)))
    checks.check_verdicts(validator, documents)
    print(f"{checks.failures} failures")
    return 1 if checks.failures else 0


if __name__ == "__main__":
    sys.exit(main())
