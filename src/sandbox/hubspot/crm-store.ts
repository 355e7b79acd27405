import { errorBody } from './hubspot-errors.ts';

/** An object of the CRM. HubSpot keeps every value as a string. */
export interface CrmObject {
  id: string;
  properties: Record<string, string>;
  createdAt: string;
  updatedAt: string;
}

export interface CrmProperty {
  name: string;
  label: string;
  type: string;
  fieldType: string;
  groupName: string;
  description: string;
  hasUniqueValue: boolean;
  hubspotDefined: boolean;
  options: { label: string; value: string; displayOrder: number; hidden: boolean }[];
}

/** An answer other than 200. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: Record<string, unknown>;
  constructor(status: number, category: string, message: string, more: Record<string, unknown> = {}) {
    super(message);
    this.status = status;
    this.body = errorBody({ message, category, ...more });
  }
}

/** Objects of one kind with their properties: contacts, or calls. */
export interface CrmStore {
  readonly objects: Map<string, CrmObject>;
  readonly properties: Map<string, CrmProperty>;
  create(values: unknown): CrmObject;
  update(object: CrmObject, values: unknown): CrmObject;
  /** By id, or by a property with unique values. */
  find(key: string, idProperty?: string): CrmObject | undefined;
  addProperty(property: CrmProperty): CrmProperty;
}

export interface CrmStoreOptions {
  kind: 'contacts' | 'calls';
  properties: CrmProperty[];
  required: string[];
  nextId: () => string;
}

export function createCrmStore({ kind, properties: known, required, nextId }: CrmStoreOptions): CrmStore {
  const objects = new Map<string, CrmObject>();
  const properties = new Map(known.map((property) => [property.name, property]));

  function check(values: unknown, of?: CrmObject): Record<string, string> {
    const checked: Record<string, string> = {};
    for (const [name, value] of Object.entries(values ?? {})) {
      const property = properties.get(name);
      if (!property) throw invalid(`Property "${name}" does not exist`, 'PROPERTY_DOESNT_EXIST', name);
      if (typeof value !== 'string')
        throw new Refusal(400, 'VALIDATION_ERROR', `Invalid input JSON: cannot read a string in field ${name}`);
      if (property.options.length > 0 && value !== '' && !property.options.some((option) => option.value === value)) {
        throw invalid(`"${value}" was not one of the allowed options`, 'INVALID_OPTION', name);
      }
      const owner = property.hasUniqueValue ? findBy(name, value) : undefined;
      if (owner && owner !== of) throw new Refusal(409, 'CONFLICT', `${kind} ${owner.id} already has that value for "${name}".`);
      checked[name] = value;
    }
    return checked;
  }

  function findBy(name: string, value: string): CrmObject | undefined {
    return objects.values().find((object) => object.properties[name] === value);
  }

  return {
    objects,
    properties,
    create(values) {
      const checked = check(values);
      for (const name of required) if (!checked[name]) throw invalid(`Property "${name}" is required`, 'REQUIRED_PROPERTY', name);
      const now = new Date().toISOString();
      const id = nextId();
      const object = {
        id,
        properties: { ...checked, hs_object_id: id, hs_createdate: now, hs_lastmodifieddate: now },
        createdAt: now,
        updatedAt: now,
      };
      objects.set(id, object);
      return object;
    },
    update(object, values) {
      Object.assign(object.properties, check(values, object));
      object.updatedAt = new Date().toISOString();
      object.properties.hs_lastmodifieddate = object.updatedAt;
      return object;
    },
    find(key, idProperty) {
      if (idProperty === undefined || idProperty === 'hs_object_id') return objects.get(key);
      if (!properties.get(idProperty)?.hasUniqueValue) {
        throw new Refusal(400, 'VALIDATION_ERROR', `${idProperty} is not a unique identifier property of ${kind}`);
      }
      return findBy(idProperty, key);
    },
    addProperty(property) {
      if (properties.has(property.name)) {
        throw new Refusal(409, 'OBJECT_ALREADY_EXISTS', `A property named '${property.name}' already exists.`, {
          subCategory: 'Properties.PROPERTY_EXISTS',
        });
      }
      properties.set(property.name, property);
      return property;
    },
  };
}

function invalid(message: string, code: string, name: string): Refusal {
  return new Refusal(400, 'VALIDATION_ERROR', `Property values were not valid: ${message}`, {
    errors: [{ message, code, context: { propertyName: [name] } }],
  });
}
