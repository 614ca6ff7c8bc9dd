"""A description in OpenAPI 3.1 taken at its word: for each operation a request is built from what it says, and the answer must be what it says."""
import json
import re
import urllib.parse

import jsonschema

from harness import expect, expect_equal


class Promises:
    def __init__(self, document):
        self.document = document
        self.resolver = jsonschema.RefResolver("", document)

    def operations(self):
        """(operation id, method, path, operation)."""
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield operation["operationId"], method.upper(), path, operation

    def resolved(self, what):
        return self.resolver.resolve(what["$ref"])[1] if "$ref" in what else what

    def check(self):
        """What the schema of OpenAPI cannot say."""
        names = [name for name, *_ in self.operations()]
        expect_equal(len(names), len(set(names)), "operation ids")
        for name, _, path, operation in self.operations():
            segments = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            expect_equal(set(re.findall(r"\{(\w+)\}", path)), segments, name)
            for schema in [p["schema"] for p in operation["parameters"]]:
                jsonschema.Draft202012Validator.check_schema(schema)
        for schema in self.document["components"]["schemas"].values():
            jsonschema.Draft202012Validator.check_schema(schema)

    def value(self, schema, name, given):
        """An instance of the schema. given: what members of a name are, where not just anything will do."""
        if name in given:
            return given[name]
        schema = self.resolved(schema)
        if "anyOf" in schema:
            return self.value(schema["anyOf"][0], name, given)
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
        if kind == "object":
            return {member: self.value(part, member, given) for member, part in schema["properties"].items() if given.get(member, member) is not None}
        if kind == "array":
            return [self.value(schema["items"], name, given)]
        return {"integer": max(1, schema.get("minimum", 1)), "string": "text", "boolean": True}[kind]

    def request(self, method, path, operation, given):
        """(path, body, headers); a member or parameter that is None in `given` is left out."""
        headers, query = {}, {}
        for parameter in operation["parameters"]:
            name, value = parameter["name"], self.value(parameter["schema"], parameter["name"], given)
            if value is None:
                continue
            if parameter["in"] == "path":
                path = path.replace(f"{{{name}}}", urllib.parse.quote(value, safe=""))
            elif parameter["in"] == "header":
                headers[name] = value
            else:
                query[name] = json.dumps(value) if isinstance(value, bool) else value
        body = None
        for kind, content in operation.get("requestBody", {"content": {}})["content"].items():
            body = self.value(content["schema"], "", given) if "schema" in content else given["picture"]
            if "schema" in content:
                jsonschema.Draft202012Validator(content["schema"], resolver=self.resolver).validate(body)
            headers["Content-Type"] = kind
            break
        return path + ("?" + urllib.parse.urlencode(query) if query else ""), body, headers

    def kept(self, operation, response):
        """Is this an answer that the operation may give?"""
        responses = operation["responses"]
        said = self.resolved(responses.get(str(response.status), responses["default"]))
        expect_equal(response.status >= 400 or str(response.status) in responses, True, f"status {response.status}")
        content = said.get("content", {})
        if not content:
            expect_equal(response.body, b"")
            return
        kind = response.headers["Content-Type"]
        expect(kind in content, f"{kind} instead of one of {', '.join(content)}")
        if "json" in kind:
            jsonschema.Draft202012Validator(content[kind]["schema"], resolver=self.resolver).validate(response.json())
        for header in said.get("headers", {}):
            expect(header == "Link" or response.headers[header], f"no {header}")
