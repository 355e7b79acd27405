import { z } from 'zod';
import type { CrmObject } from './crm-store.ts';

const Filter = z.object({
  propertyName: z.string(),
  operator: z.enum(['EQ', 'NEQ', 'IN', 'HAS_PROPERTY', 'NOT_HAS_PROPERTY', 'CONTAINS_TOKEN']),
  value: z.string().optional(),
  values: z.array(z.string()).optional(),
});

/** The limits are HubSpot's: 5 groups of 6 filters, 18 in all, 200 results a page. */
export const ContactSearch = z
  .object({
    filterGroups: z
      .array(z.object({ filters: z.array(Filter).min(1).max(6) }))
      .max(5)
      .default([]),
    properties: z.array(z.string()).default([]),
    sorts: z.array(z.unknown()).max(1).default([]),
    query: z.string().optional(),
    limit: z.number().int().min(1).max(200).default(10),
    after: z.string().regex(/^\d*$/).optional(),
  })
  .refine(({ filterGroups }) => filterGroups.flatMap((group) => group.filters).length <= 18, 'at most 18 filters');

/** Groups are alternatives, the filters of one go together. */
export function searchContacts(contacts: Iterable<CrmObject>, { filterGroups }: z.infer<typeof ContactSearch>): CrmObject[] {
  return [...contacts].filter(({ properties }) =>
    filterGroups.length === 0 ? true : filterGroups.some(({ filters }) => filters.every((filter) => fits(properties, filter))),
  );
}

function fits(properties: Record<string, string>, { propertyName, operator, value = '', values = [] }: z.infer<typeof Filter>): boolean {
  const actual = properties[propertyName]?.toLowerCase();
  switch (operator) {
    case 'EQ':
      return actual === value.toLowerCase();
    case 'NEQ':
      return actual !== value.toLowerCase();
    case 'IN':
      return actual !== undefined && values.some((one) => one.toLowerCase() === actual);
    case 'HAS_PROPERTY':
      return Boolean(actual);
    case 'NOT_HAS_PROPERTY':
      return !actual;
    case 'CONTAINS_TOKEN':
      return actual?.includes(value.toLowerCase().replaceAll('*', '')) ?? false;
  }
}
