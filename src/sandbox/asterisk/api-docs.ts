import { commonFields, eventModels } from './event-models.ts';
import { type Operation, operations } from './operations.ts';

const resources = [...new Set(operations.map((operation) => operation.resource))];

function describeOperation(operation: Operation) {
  const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    paramType: 'path',
    required: true,
    dataType: 'string',
  }));
  const inQuery = (operation.query ?? []).map((name) => ({
    name,
    paramType: 'query',
    required: operation.required?.includes(name) ?? false,
    allowMultiple: false,
    dataType: 'string',
  }));
  const inBody = operation.body ? [{ name: operation.body, paramType: 'body', required: false, dataType: 'containers' }] : [];
  return {
    httpMethod: operation.method,
    nickname: operation.nickname,
    responseClass: operation.returns,
    parameters: [...inPath, ...inQuery, ...inBody],
  };
}

function describeResource(resource: string, basePath: string) {
  const own = operations.filter((operation) => operation.resource === resource);
  const paths = [...new Set(own.map((operation) => operation.path))];
  return {
    apiVersion: '2.0.0',
    swaggerVersion: '1.1',
    basePath,
    resourcePath: `/api-docs/${resource}.{format}`,
    apis: paths.map((path) => ({ path, operations: own.filter((operation) => operation.path === path).map(describeOperation) })),
    models: resource === 'events' ? describeModels() : {},
  };
}

function describeModels() {
  return Object.fromEntries(
    Object.entries(eventModels).map(([id, fields]) => [
      id,
      {
        id,
        properties: Object.fromEntries(
          Object.entries({ ...commonFields, ...fields }).map(([name, type]) => [name, { type, required: false }]),
        ),
      },
    ]),
  );
}

/** The description (Swagger 1.1) that `ari-client` builds itself from. Undefined for a file that doesn't exist. */
export function apiDocs(file: string, basePath: string): unknown {
  if (file === 'resources.json') {
    return {
      apiVersion: '10.0.0',
      swaggerVersion: '1.1',
      basePath,
      apis: resources.map((resource) => ({ path: `/api-docs/${resource}.{format}`, description: resource })),
    };
  }
  const resource = resources.find((name) => file === `${name}.json`);
  return resource && describeResource(resource, basePath);
}
