// One operation: what it is sent, and what it answers.

import { breakable, element } from "../playground/dom.js";
import { follow, opens, prose, schemaView } from "./shape.js";

/** An operation, shut. */
export function operationView(operation, api) {
  const method = operation.method.toUpperCase();
  const children = [
    element("span", { class: "badge method" }, method),
    element("code", {}, breakable(operation.path)),
    element("span", { class: "quiet" }, operation.summary),
  ];
  return opens({ class: "function operation" }, { attributes: { id: operation.operationId }, children }, () => [
    operation.description ? prose(operation.description) : null,
    placeView(operation),
    parametersView(operation, api),
    bodyView(operation.requestBody, api),
    exampleView(operation, method),
    answersView(operation.responses, api),
  ]);
}

/** Who may ask, and where that is not here. */
function placeView({ security = [], servers = [] }) {
  const roles = security.flatMap((needed) => Object.values(needed).flat());
  return [
    ...roles.flatMap((role) => prose(`Where the gateway has keys, it takes one with the role \`${role}\`.`)),
    ...servers.flatMap(({ description }) => prose(`Answered by: ${description}.`)),
  ];
}

function parametersView(operation, api) {
  const parameters = (operation.parameters ?? []).map((parameter) => follow(parameter, api));
  const groups = ["path", "query", "header"].map((place) => {
    const own = parameters.filter((parameter) => parameter.in === place);
    const properties = own.map(({ name, description, schema }) => [name, { description, ...schema }]);
    const schema = {
      type: "object",
      properties: Object.fromEntries(properties),
      required: own.filter((parameter) => parameter.required).map((parameter) => parameter.name),
    };
    const title = { path: "In the path", query: "In the query", header: "Headers" }[place];
    return own.length > 0 ? [element("h3", {}, title), schemaView(schema, api, `${title}: ${operation.operationId}`)] : null;
  });
  return groups;
}

function bodyView(body, api) {
  if (!body) {
    return null;
  }
  const [[type, { schema }]] = Object.entries(body.content);
  return [
    element("h3", {}, "Body"),
    element("p", {}, body.description ?? "", " ", element("code", {}, type), body.required ? null : ", or nothing"),
    schemaView(schema, api, "Body"),
  ];
}

/** The operation as a command, for whoever copies it. */
function exampleView(operation, method) {
  const example = operation.requestBody?.content["application/json"]?.example;
  const path = (operation.parameters ?? []).reduce(
    (path, { name, example }) => (example ? path.replace(`{${name}}`, example) : path),
    operation.path,
  );
  const base = operation.servers?.[0]?.url ?? location.origin;
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}${base}${path}`];
  if (operation.requestBody?.content["application/wasm"]) {
    lines.push("  --data-binary @plugin.wasm");
  }
  if (example !== undefined) {
    lines.push("  -H 'content-type: application/json'");
    if (operation.path === "/mcp") {
      lines.push("  -H 'accept: application/json, text/event-stream'");
    }
    lines.push(`  -d '${JSON.stringify(example)}'`);
  }
  return [element("h3", {}, "Example"), element("pre", { tabindex: "0" }, element("code", {}, lines.join(" \\\n")))];
}

function answersView(responses, api) {
  const views = Object.entries(responses).map(([status, response]) => answerView(status, follow(response, api), api));
  return [element("h3", {}, "Answers"), views];
}

function answerView(status, response, api) {
  const [first, ...rest] = response.description.split("\n\n");
  const kind = status < "400" ? "badge right" : "badge";
  const children = [element("span", { class: kind }, status), " ", first];
  return opens({ class: "answer" }, { attributes: {}, children }, () => [
    rest.length > 0 ? prose(rest.join("\n\n")) : null,
    headersView(response.headers, status, api),
    Object.entries(response.content ?? {}).flatMap(([type, media]) => [
      element("h4", {}, type),
      media.schema.description ? prose(media.schema.description) : null,
      schemaView(media["x-event-data"] ?? media.schema, api, `${type} of ${status}`),
    ]),
    response.content ? null : element("p", { class: "quiet" }, "No body."),
  ]);
}

function headersView(headers, status, api) {
  const properties = Object.entries(headers ?? {}).map(([name, header]) => {
    const { description, schema } = follow(header, api);
    return [name, { description, ...schema }];
  });
  const required = Object.entries(headers ?? {}).filter(([, header]) => follow(header, api).required);
  const schema = {
    type: "object",
    properties: Object.fromEntries(properties),
    required: required.map(([name]) => name),
  };
  return properties.length > 0
    ? [element("h4", {}, "Headers"), schemaView(schema, api, `Headers of ${status}`)]
    : null;
}
