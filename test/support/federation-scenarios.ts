import { call, type Input } from './calls.js';
import { keyDescriptor, metadata, privateKey } from './identity-providers.js';
import type { Scenario } from './scenarios.js';
import { trusts, type World } from './world.js';

type Prepared = Promise<{ input: Input }>;

const thumbprint = (digit: string): string => digit.repeat(40);
const many = (count: number, of: (index: number) => unknown): unknown[] => Array.from({ length: count }, (_, index) => of(index));
const key = privateKey();
const noArn = 'arn:aws:iam::123456789012:user/alice';

async function done(world: World, operation: string, input: Input): Promise<unknown> {
  const { code, output } = await call(world.app, 'query', { operation, keys: world.root, input });
  if (code !== undefined) throw new Error(`${operation} was refused: ${code}`);
  return output;
}
const nothing = (input: Input) => (): Prepared => Promise.resolve({ input });

/** An OpenID Connect provider with something of everything. */
const oidc = (more: Input = {}, made: Input = {}) => async (world: World): Prepared => {
  const Tags = [{ Key: 'team', Value: 'a' }, { Key: 'Team', Value: '' }];
  const output = await done(world, 'CreateOpenIDConnectProvider', { Url: 'https://idp.example/path', ClientIDList: ['one', 'two'], ThumbprintList: [thumbprint('a')], Tags, ...made });
  return { input: { OpenIDConnectProviderArn: (output as { openIDConnectProviderArn: string }).openIDConnectProviderArn, ...more } };
};
/** A SAML provider with a private key. */
const saml = (more: Input = {}) => async (world: World): Prepared => {
  const output = await done(world, 'CreateSAMLProvider', { SAMLMetadataDocument: metadata(), Name: 'Corp', Tags: [{ Key: 'team', Value: 'a' }, { Key: 'Team', Value: '' }], AddPrivateKey: key });
  return { input: { SAMLProviderArn: (output as { samlProviderArn: string }).samlProviderArn, ...more } };
};
const keyOf = async (world: World, input: Input): Promise<string> => {
  const output = (await done(world, 'GetSAMLProvider', { SAMLProviderArn: input['SAMLProviderArn'] })) as { privateKeyList: { keyId: string }[] };
  return output.privateKeyList[0]?.keyId ?? '';
};
const emptied = (prepare: (world: World) => Prepared) => async (world: World): Prepared => {
  await prepare(world);
  return { input: {} };
};

const oidcScenarios: Scenario[] = [
  { operation: 'CreateOpenIDConnectProvider', title: 'with everything', expected: 'ok', prepare: nothing({ Url: 'https://idp.example:8443/realms/x?y=z', ClientIDList: ['sts.amazonaws.com', 'one', 'one'], ThumbprintList: [thumbprint('a'), thumbprint('B')], Tags: [{ Key: 'a', Value: '1' }, { Key: 'A', Value: '' }] }) },
  { operation: 'CreateOpenIDConnectProvider', title: 'with nothing more', expected: 'ok', prepare: nothing({ Url: 'https://idp.example' }) },
  { operation: 'CreateOpenIDConnectProvider', title: 'of a taken URL', expected: 'EntityAlreadyExists', prepare: async (world) => {
    await oidc()(world);
    return { input: { Url: 'https://idp.example/path' } };
  } },
  { operation: 'CreateOpenIDConnectProvider', title: 'with six thumbprints', expected: 'InvalidInput', prepare: nothing({ Url: 'https://idp.example', ThumbprintList: many(6, (index) => thumbprint(String(index))) }) },
  { operation: 'CreateOpenIDConnectProvider', title: 'with duplicate tags', expected: 'InvalidInput', prepare: nothing({ Url: 'https://idp.example', Tags: [{ Key: 'a', Value: '1' }, { Key: 'a', Value: '2' }] }) },
  { operation: 'CreateOpenIDConnectProvider', title: 'with too many client ids', expected: 'LimitExceeded', prepare: nothing({ Url: 'https://idp.example', ClientIDList: many(101, String) }) },
  { operation: 'CreateOpenIDConnectProvider', title: 'of no URL', expected: 'ValidationError', prepare: nothing({ Url: 'idp.example' }) },
  { operation: 'CreateOpenIDConnectProvider', title: 'without TLS', expected: 'ValidationError', prepare: nothing({ Url: 'http://idp.example' }) },
  { operation: 'CreateOpenIDConnectProvider', title: 'with a thumbprint of another length', expected: 'ValidationError', prepare: nothing({ Url: 'https://idp.example', ThumbprintList: [thumbprint('a'), 'a'.repeat(41)] }) },
  { operation: 'GetOpenIDConnectProvider', title: 'with everything', expected: 'ok', prepare: oidc() },
  { operation: 'ListOpenIDConnectProviders', title: 'of the account', expected: 'ok', prepare: emptied(oidc()) },
  { operation: 'DeleteOpenIDConnectProvider', title: 'that a role trusts', expected: 'ok', prepare: async (world) => {
    const prepared = await oidc()(world);
    await world.role('federated', trusts({ Federated: prepared.input['OpenIDConnectProviderArn'] }, undefined, 'sts:AssumeRoleWithWebIdentity'));
    return prepared;
  } },
  { operation: 'AddClientIDToOpenIDConnectProvider', title: 'that is new', expected: 'ok', prepare: oidc({ ClientID: 'three' }) },
  { operation: 'AddClientIDToOpenIDConnectProvider', title: 'beyond the quota', expected: 'LimitExceeded', prepare: oidc({ ClientID: 'three' }, { ClientIDList: many(100, String) }) },
  { operation: 'RemoveClientIDFromOpenIDConnectProvider', title: 'that it has', expected: 'ok', prepare: oidc({ ClientID: 'one' }) },
  { operation: 'UpdateOpenIDConnectProviderThumbprint', title: 'to other ones', expected: 'ok', prepare: oidc({ ThumbprintList: many(5, (index) => thumbprint(String(index))) }) },
  { operation: 'UpdateOpenIDConnectProviderThumbprint', title: 'to six', expected: 'InvalidInput', prepare: oidc({ ThumbprintList: many(6, (index) => thumbprint(String(index))) }) },
];

const samlScenarios: Scenario[] = [
  { operation: 'CreateSAMLProvider', title: 'with everything', expected: 'ok', prepare: nothing({ SAMLMetadataDocument: metadata(), Name: 'Corp_1.x-y', Tags: [{ Key: 'a', Value: '1' }, { Key: 'A', Value: '' }], AssertionEncryptionMode: 'Required', AddPrivateKey: key }) },
  { operation: 'CreateSAMLProvider', title: 'with nothing more', expected: 'ok', prepare: nothing({ SAMLMetadataDocument: metadata(), Name: 'Corp' }) },
  { operation: 'CreateSAMLProvider', title: 'of a taken name', expected: 'EntityAlreadyExists', prepare: async (world) => {
    await saml()(world);
    return { input: { SAMLMetadataDocument: metadata(), Name: 'Corp' } };
  } },
  { operation: 'CreateSAMLProvider', title: 'with metadata that is none', expected: 'InvalidInput', prepare: nothing({ SAMLMetadataDocument: 'x'.repeat(1000), Name: 'Corp' }) },
  { operation: 'CreateSAMLProvider', title: 'with a document type', expected: 'InvalidInput', prepare: nothing({ SAMLMetadataDocument: metadata({ before: '<!DOCTYPE x [<!ENTITY e "e">]>' }), Name: 'Corp' }) },
  { operation: 'CreateSAMLProvider', title: 'with a key that is none', expected: 'InvalidInput', prepare: nothing({ SAMLMetadataDocument: metadata(), Name: 'Corp', AddPrivateKey: 'no key' }) },
  { operation: 'CreateSAMLProvider', title: 'with a name of other characters', expected: 'ValidationError', prepare: nothing({ SAMLMetadataDocument: metadata(), Name: 'a+b' }) },
  { operation: 'CreateSAMLProvider', title: 'beyond the quota', expected: 'LimitExceeded', prepare: async (world) => {
    await world.app.sql(
      `INSERT INTO saml_provider (provider_id, account_id, provider_name, metadata, entity_id, certificates, encryption_mode, tags, created_at)
       SELECT 'FULL' || $1 || n, $1, 'p' || n, '', '', '[]', 'Allowed', '[]', now() FROM generate_series(1, 100) n`,
      [world.root.account],
    );
    return { input: { SAMLMetadataDocument: metadata(), Name: 'more' } };
  } },
  { operation: 'GetSAMLProvider', title: 'with everything', expected: 'ok', prepare: saml() },
  { operation: 'ListSAMLProviders', title: 'of the account', expected: 'ok', prepare: emptied(saml()) },
  { operation: 'UpdateSAMLProvider', title: 'to other metadata', expected: 'ok', prepare: saml({ SAMLMetadataDocument: metadata({ entityId: 'urn:other', keys: keyDescriptor() + keyDescriptor(undefined, '') }), AssertionEncryptionMode: 'Required' }) },
  { operation: 'UpdateSAMLProvider', title: 'with another key', expected: 'ok', prepare: saml({ AddPrivateKey: key }) },
  { operation: 'UpdateSAMLProvider', title: 'with one key for the other', expected: 'ok', prepare: async (world) => {
    const { input } = await saml({ AddPrivateKey: key })(world);
    return { input: { ...input, RemovePrivateKey: await keyOf(world, input) } };
  } },
  { operation: 'UpdateSAMLProvider', title: 'with a third key', expected: 'LimitExceeded', prepare: async (world) => {
    const prepared = await saml({ AddPrivateKey: key })(world);
    await done(world, 'UpdateSAMLProvider', prepared.input);
    return prepared;
  } },
  { operation: 'UpdateSAMLProvider', title: 'without a key it has not', expected: 'NoSuchEntity', prepare: saml({ RemovePrivateKey: `SKEY${'A'.repeat(20)}` }) },
  { operation: 'UpdateSAMLProvider', title: 'to metadata that is none', expected: 'InvalidInput', prepare: saml({ SAMLMetadataDocument: metadata({ keys: '' }) + ' '.repeat(1000) }) },
  { operation: 'DeleteSAMLProvider', title: 'that a role trusts', expected: 'ok', prepare: async (world) => {
    const prepared = await saml()(world);
    await world.role('federated', trusts({ Federated: prepared.input['SAMLProviderArn'] }, undefined, 'sts:AssumeRoleWithSAML'));
    return prepared;
  } },
];

/** The operations on tags are the same three words for both kinds. */
function tags(kind: 'OpenIDConnectProvider' | 'SAMLProvider', provider: (more?: Input) => (world: World) => Prepared): Scenario[] {
  return [
    { operation: `Tag${kind}`, title: 'with a new one and a new value', expected: 'ok', prepare: provider({ Tags: [{ Key: 'team', Value: 'b' }, { Key: 'TEAM', Value: 'c' }] }) },
    { operation: `Tag${kind}`, title: 'with duplicates', expected: 'InvalidInput', prepare: provider({ Tags: [{ Key: 'x', Value: '' }, { Key: 'x', Value: '' }] }) },
    { operation: `Tag${kind}`, title: 'beyond the quota', expected: 'LimitExceeded', prepare: provider({ Tags: many(49, (index) => ({ Key: `k${String(index)}`, Value: '' })) }) },
    { operation: `Untag${kind}`, title: 'of one it has and one it has not', expected: 'ok', prepare: provider({ TagKeys: ['team', 'none'] }) },
    { operation: `Untag${kind}`, title: 'of a key that is none', expected: 'ValidationError', prepare: provider({ TagKeys: ['a!'] }) },
    { operation: `List${kind}Tags`, title: 'a page of them', expected: 'ok', prepare: provider({ MaxItems: 1 }) },
    { operation: `List${kind}Tags`, title: 'with a bad marker', expected: 'ValidationError', prepare: provider({ Marker: 'no such marker' }) },
  ];
}

/** What each operation on a provider takes besides its ARN. */
export const oidcInputs: Readonly<Record<string, Input>> = {
  GetOpenIDConnectProvider: {},
  DeleteOpenIDConnectProvider: {},
  AddClientIDToOpenIDConnectProvider: { ClientID: 'one' },
  RemoveClientIDFromOpenIDConnectProvider: { ClientID: 'one' },
  UpdateOpenIDConnectProviderThumbprint: { ThumbprintList: [thumbprint('a')] },
  TagOpenIDConnectProvider: { Tags: [{ Key: 'a', Value: 'b' }] },
  UntagOpenIDConnectProvider: { TagKeys: ['a'] },
  ListOpenIDConnectProviderTags: {},
};
/** The same of SAML providers. */
export const samlInputs: Readonly<Record<string, Input>> = {
  GetSAMLProvider: {},
  UpdateSAMLProvider: { SAMLMetadataDocument: metadata() },
  DeleteSAMLProvider: {},
  TagSAMLProvider: { Tags: [{ Key: 'a', Value: 'b' }] },
  UntagSAMLProvider: { TagKeys: ['a'] },
  ListSAMLProviderTags: {},
};

const unusable = [
  ...Object.entries(oidcInputs).map(([operation, input]) => ({ operation, input, member: 'OpenIDConnectProviderArn', resource: 'oidc-provider/none.example', other: 'saml-provider/none' })),
  ...Object.entries(samlInputs).map(([operation, input]) => ({ operation, input, member: 'SAMLProviderArn', resource: 'saml-provider/none', other: 'oidc-provider/none.example' })),
].flatMap(({ operation, input, member, resource, other }): Scenario[] => [
  { operation, title: 'on a provider that does not exist', expected: 'NoSuchEntity', prepare: (world) => Promise.resolve({ input: { [member]: `arn:aws:iam::${world.root.account}:${resource}`, ...input } }) },
  { operation, title: 'on a provider of the other kind', expected: 'InvalidInput', prepare: (world) => Promise.resolve({ input: { [member]: `arn:aws:iam::${world.root.account}:${other}`, ...input } }) },
  { operation, title: 'on what is no provider', expected: 'InvalidInput', prepare: nothing({ [member]: noArn, ...input }) },
]);

const trusting: Scenario[] = [
  { operation: 'CreateRole', title: 'that trusts a provider of the account', expected: 'ok', prepare: async (world) => {
    const { input } = await oidc()(world);
    const document = trusts({ Federated: input['OpenIDConnectProviderArn'] }, { StringEquals: { 'idp.example/path:sub': 'alice' } }, 'sts:AssumeRoleWithWebIdentity');
    return { input: { RoleName: 'federated', AssumeRolePolicyDocument: JSON.stringify(document) } };
  } },
  { operation: 'CreateRole', title: 'that trusts a provider there is not', expected: 'MalformedPolicyDocument', prepare: (world) => {
    const document = trusts({ Federated: `arn:aws:iam::${world.root.account}:saml-provider/none` }, undefined, 'sts:AssumeRoleWithSAML');
    return Promise.resolve({ input: { RoleName: 'federated', AssumeRolePolicyDocument: JSON.stringify(document) } });
  } },
];

/** What every face must agree on about identity providers. */
export const federationScenarios: readonly Scenario[] = [...oidcScenarios, ...samlScenarios, ...tags('OpenIDConnectProvider', oidc), ...tags('SAMLProvider', saml), ...unusable, ...trusting];
