// A JSON Schema as rows that people read.

const DEPTH_MAX = 6;
const BOUND = 2 ** 53;

/** One row a parameter; parts of objects follow theirs, with dotted names. */
export function rowsOf(schema, prefix = "", depth = 0) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = prefix + name;
    const { inner, isOptional } = unwrap(property);
    const row = {
      name: path,
      type: typeOf(inner),
      isRequired: required.has(name) && !isOptional,
      hasDefault: property.default !== undefined,
      default: property.default,
      options: optionsOf(inner),
      description: describe(property, inner),
    };
    return [row, ...(depth < DEPTH_MAX ? partsOf(inner, path, depth + 1) : [])];
  });
}

function partsOf(schema, path, depth) {
  if (schema.properties) {
    return rowsOf(schema, `${path}.`, depth);
  }
  if (schema.items?.properties) {
    return rowsOf(schema.items, `${path}[].`, depth);
  }
  return [];
}

/** `T or null` is an optional T. */
function unwrap(schema) {
  const alternatives = schema.anyOf ?? schema.oneOf;
  if (alternatives) {
    const others = alternatives.filter((alternative) => alternative.type !== "null");
    if (others.length === 1 && others.length < alternatives.length) {
      return { inner: { ...others[0], ...documented(schema) }, isOptional: true };
    }
  }
  if (Array.isArray(schema.type) && schema.type.includes("null")) {
    const kinds = schema.type.filter((kind) => kind !== "null");
    return { inner: { ...schema, type: kinds.length === 1 ? kinds[0] : kinds }, isOptional: true };
  }
  return { inner: schema, isOptional: false };
}

function documented(schema) {
  return schema.description ? { description: schema.description } : {};
}

/** A type in a few words. */
export function typeOf(schema) {
  const alternatives = schema.oneOf ?? schema.anyOf;
  if (schema.enum || schema.const !== undefined) {
    return "one of";
  }
  if (alternatives) {
    return alternatives.map((alternative) => alternativeOf(alternative)).join(" or ");
  }
  if (Array.isArray(schema.type)) {
    return schema.type.join(" or ");
  }
  switch (schema.type) {
    case "array":
      return listOf(schema);
    case "integer":
    case "number":
      return schema.type + rangeOf(schema);
    case "string":
      return textOf(schema);
    case undefined:
      return "anything";
    default:
      return schema.type;
  }
}

/** `{"case": payload}` is named by its case. */
function alternativeOf(schema) {
  const names = Object.keys(schema.properties ?? {});
  return names.length === 1 ? `{${names[0]}: ${typeOf(schema.properties[names[0]])}}` : typeOf(schema);
}

function listOf(schema) {
  if (schema.prefixItems) {
    return `[${schema.prefixItems.map(typeOf).join(", ")}]`;
  }
  const items = schema.items ?? {};
  const of = items.enum ? "any of" : `list of ${typeOf(items)}`;
  const bounds = [
    schema.minItems ? `at least ${schema.minItems}` : null,
    schema.maxItems ? `at most ${schema.maxItems}` : null,
  ].filter(Boolean);
  return bounds.length > 0 ? `${of}, ${bounds.join(", ")}` : of;
}

function rangeOf({ minimum, maximum }) {
  const low = minimum !== undefined && minimum > -BOUND ? minimum : null;
  const high = maximum !== undefined && maximum < BOUND ? maximum : null;
  if (low !== null && high !== null) {
    return ` ${low} to ${high}`;
  }
  if (low !== null) {
    return `, at least ${low}`;
  }
  return high !== null ? `, at most ${high}` : "";
}

function textOf(schema) {
  if (schema.contentEncoding) {
    return schema.contentEncoding;
  }
  if (schema.maxLength === 1 && schema.minLength === 1) {
    return "one character";
  }
  return schema.format ? `string (${schema.format})` : "string";
}

function optionsOf(schema) {
  const listed = schema.enum ?? schema.items?.enum ?? (schema.const === undefined ? [] : [schema.const]);
  return listed.map((option) => (typeof option === "string" ? option : JSON.stringify(option)));
}

function describe(property, inner) {
  const alternatives = (inner.oneOf ?? inner.anyOf ?? []).filter((one) => one.description);
  const cases = alternatives.map((one) => {
    const [name] = Object.keys(one.properties ?? {});
    return name ? `${name}: ${one.description}` : one.description;
  });
  return [property.description ?? inner.description, ...cases].filter(Boolean).join("\n");
}
