import { z } from 'zod';
import { matching, unknownKeyOr } from './fields.ts';

const EXAMPLE = 'e.g. crm: { read: [jobtitle], update: [preferred_time] }';
/** As HubSpot names them. */
const names = z
  .array(matching(/^[a-z][a-z0-9_]{0,99}$/, `the internal name of a property of the CRM, ${EXAMPLE}`), {
    error: `a list of property names of the CRM, ${EXAMPLE}`,
  })
  .max(20, { error: 'at most 20 properties' })
  .default([]);

/** Contact properties of the CRM that the model may read, and those it may change. */
export const crmSchema = z.strictObject({ read: names, update: names }, { error: unknownKeyOr(`"read" and "update", ${EXAMPLE}`) });
