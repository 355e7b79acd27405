import type { CrmProperty } from './crm-store.ts';

function property(name: string, groupName: string, values: readonly string[] = []): CrmProperty {
  return {
    name,
    label: name,
    type: values.length > 0 ? 'enumeration' : 'string',
    fieldType: values.length > 0 ? 'select' : 'text',
    groupName,
    description: '',
    hasUniqueValue: false,
    hubspotDefined: true,
    options: values.map((value, displayOrder) => ({ label: value, value, displayOrder, hidden: false })),
  };
}

const OF_EVERY_OBJECT = ['hs_object_id', 'hs_createdate', 'hs_lastmodifieddate', 'createdate', 'hubspot_owner_id'];

/** What a call holds, as far as anybody here writes it. */
export const CALL_PROPERTIES: CrmProperty[] = [
  ...[
    ...OF_EVERY_OBJECT,
    'hs_timestamp',
    'hs_call_title',
    'hs_call_body',
    'hs_call_duration',
    'hs_call_from_number',
    'hs_call_to_number',
    'hs_call_recording_url',
    'hs_call_external_id',
    'hs_call_source',
  ].map((name) => property(name, 'call')),
  property('hs_call_direction', 'call', ['INBOUND', 'OUTBOUND']),
  property('hs_call_status', 'call', [
    'BUSY',
    'CALLING_CRM_USER',
    'CANCELED',
    'COMPLETED',
    'CONNECTING',
    'FAILED',
    'HOLD',
    'IN_PROGRESS',
    'MISSED',
    'NO_ANSWER',
    'QUEUED',
    'RINGING',
  ]),
  /** The outcomes that every account has. */
  property('hs_call_disposition', 'call', [
    '9d9162e7-6cf3-4944-bf63-4dff82258764',
    'f240bbac-87c9-4f6e-bf70-924b57d47db7',
    'a4c4c377-d246-4b32-a13b-75a56a4cd0ff',
    'b2cf5968-551e-4856-9783-52b3da59a7d0',
    '73a0d17f-1163-4015-bdd5-ec830791da20',
    '17b47fee-58de-441e-a44c-c6300d46f273',
  ]),
];

export const CONTACT_PROPERTIES: CrmProperty[] = [
  ...[
    ...OF_EVERY_OBJECT,
    'firstname',
    'lastname',
    'phone',
    'mobilephone',
    'company',
    'jobtitle',
    'city',
    'country',
    'zip',
    'hs_timezone',
    'hs_language',
    'hs_searchable_calculated_phone_number',
    'hs_searchable_calculated_mobile_number',
  ].map((name) => property(name, 'contactinformation')),
  { ...property('email', 'contactinformation'), hasUniqueValue: true },
];
