// Draws openapi.json for people. Texts become text nodes; `code` in them becomes code.

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

const prose = (text) =>
  (text ?? "").split("`").map((part, place) => (place % 2 ? make("code", "", part) : part));

function named(schema, all) {
  return schema?.$ref ? all.components.schemas[schema.$ref.split("/").pop()] : schema;
}

function kind(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(kind).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(" | ");
  if (schema.type === "array") return `${kind(schema.items)}[]`;
  return schema.format ?? schema.type ?? "";
}

function row(name, schema, required, description) {
  const rest = "default" in schema && schema.default !== null ? `, default ${JSON.stringify(schema.default)}` : "";
  const facts = make("small", "", `${kind(schema)}${required ? "" : ", optional"}${rest}`);
  return make("tr", "", make("td", "", make("code", "", name), facts), make("td", "", ...prose(description)));
}

function fields(schema) {
  const needed = schema.required ?? [];
  const rows = Object.entries(schema.properties ?? {}).map(([name, one]) =>
    row(name, one, needed.includes(name), one.description ?? ""));
  return make("table", "", make("tbody", "", ...rows));
}

function answers(responses) {
  const rows = Object.entries(responses).map(([status, response]) => {
    const types = Object.entries(response.content ?? {}).map(([type, { schema }]) =>
      make("small", "", [type, kind(schema)].join(": ")));
    return make("tr", "", make("td", "", make("code", "", status)),
      make("td", "", ...prose(response.description), ...types));
  });
  return make("table", "", make("tbody", "", ...rows));
}

function heading(method, path) {
  return [make("span", `method ${method}`, method), make("span", "path", path)];
}

function section(title, ...content) {
  return [make("h3", "", title), ...content];
}

function article(id, method, path, operation, all) {
  const body = named(operation.requestBody?.content?.["application/json"]?.schema, all);
  const parameters = (operation.parameters ?? []).map((one) =>
    row(one.name, one.schema, one.required, one.description ?? `In the ${one.in}.`));
  const shown = make("article", "",
    make("h2", "", ...heading(method, path)),
    make("p", "", ...prose(`${operation.summary}. ${operation.description ?? ""}`)));
  if (operation.security?.length) shown.append(make("p", "", ...prose("Needs `Authorization: Bearer TOKEN`.")));
  if (parameters.length) shown.append(...section("Parameters", make("table", "", make("tbody", "", ...parameters))));
  if (body) shown.append(...section("Body", fields(body)));
  shown.append(...section("Answers", answers(operation.responses)));
  shown.id = id;
  return shown;
}

function schemas(all) {
  return Object.entries(all.components.schemas).map(([name, schema]) => {
    const shown = make("article", "", make("h2", "", make("code", "", name)), make("p", "", ...prose(schema.description)));
    if (schema.properties) shown.append(fields(schema));
    else shown.append(make("p", "", make("code", "", kind(schema))));
    return shown;
  });
}

const all = await (await fetch("/openapi.json")).json();
document.getElementById("about").append(...prose(all.info.description));
for (const [path, methods] of Object.entries(all.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const name = method.toUpperCase();
    const link = make("a", "", ...heading(name, path));
    link.href = `#${operation.operationId}`;
    document.getElementById("contents").append(link);
    document.getElementById("operations").append(article(operation.operationId, name, path, operation, all));
  }
}
document.getElementById("operations").append(make("h1", "", "What is sent"), ...schemas(all));
