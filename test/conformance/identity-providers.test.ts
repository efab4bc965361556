import {
  AddClientIDToOpenIDConnectProviderCommand,
  CreateOpenIDConnectProviderCommand,
  CreateSAMLProviderCommand,
  DeleteOpenIDConnectProviderCommand,
  DeleteSAMLProviderCommand,
  GetOpenIDConnectProviderCommand,
  GetRoleCommand,
  GetSAMLProviderCommand,
  ListOpenIDConnectProvidersCommand,
  ListOpenIDConnectProviderTagsCommand,
  ListSAMLProvidersCommand,
  ListSAMLProviderTagsCommand,
  RemoveClientIDFromOpenIDConnectProviderCommand,
  TagOpenIDConnectProviderCommand,
  TagSAMLProviderCommand,
  UntagOpenIDConnectProviderCommand,
  UntagSAMLProviderCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateOpenIDConnectProviderThumbprintCommand,
  UpdateSAMLProviderCommand,
  type CreateOpenIDConnectProviderCommandInput,
  type CreateSAMLProviderCommandInput,
  type IAMClient,
} from '@aws-sdk/client-iam';

import { IdentityProvidersStore } from '../../src/identities/providers.store.js';
import { TestApp } from '../support/app.js';
import { CERTIFICATES, keyDescriptor, metadata, privateKey } from '../support/identity-providers.js';
import { until } from '../support/outage.js';
import { expectSdkRefusal, type Refused } from '../support/sdk.js';
import { allows, trusts, World, type Document } from '../support/world.js';

const CREATED = new Date('2026-11-25T10:00:00Z');
const UNTIL = new Date('2126-11-25T10:00:00Z');
const thumbprint = (digit: string): string => digit.repeat(40);

let app: TestApp;
let world: World;
let iam: IAMClient;
let account: string;
let count = 0;

beforeAll(async () => {
  app = await TestApp.boot();
  world = await new World(app).account('providers');
  account = world.root.account;
  iam = app.iam(world.root);
});
afterAll(() => app.close());

/** An answer without what only the client knows of it. */
const members = <T extends { $metadata: unknown }>({ $metadata: _, ...rest }: T): Omit<T, '$metadata'> => rest;
const fresh = (): string => `n${String((count += 1))}`;
const arnOf = (resource: string): string => `arn:aws:iam::${account}:${resource}`;
const refused = (send: () => Promise<unknown>, code: string, status: number, message: string): Promise<void> => expectSdkRefusal(app, send, { code, status, message } satisfies Refused);
const federated = (arn: string | string[]): Document => trusts({ Federated: arn }, undefined, ['sts:AssumeRoleWithWebIdentity', 'sts:AssumeRoleWithSAML']);

describe('an unmodified IAM client, about OpenID Connect providers', () => {
  const create = async (more: Partial<CreateOpenIDConnectProviderCommandInput> = {}): Promise<string> =>
    (await iam.send(new CreateOpenIDConnectProviderCommand({ Url: `https://${fresh()}.example`, ...more }))).OpenIDConnectProviderArn ?? '';
  const get = (OpenIDConnectProviderArn: string) => iam.send(new GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }));
  const add = (OpenIDConnectProviderArn: string, ClientID: string): Promise<unknown> => iam.send(new AddClientIDToOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, ClientID }));
  const remove = (OpenIDConnectProviderArn: string, ClientID: string): Promise<unknown> => iam.send(new RemoveClientIDFromOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, ClientID }));
  const idsOf = async (arn: string): Promise<string[]> => (await get(arn)).ClientIDList ?? [];

  it('creates, shows and lists them in the shapes of AWS', async () => {
    const Tags = [{ Key: 'team', Value: 'x' }];
    const made = members(await iam.send(new CreateOpenIDConnectProviderCommand({ Url: 'https://idp.example/Path', ClientIDList: ['one', 'two', 'one'], ThumbprintList: [thumbprint('a')], Tags })));
    const arn = arnOf('oidc-provider/idp.example/Path');
    expect(made).toEqual({ OpenIDConnectProviderArn: arn, Tags });
    expect(members(await get(arn))).toEqual({ Url: 'idp.example/Path', ClientIDList: ['one', 'two'], ThumbprintList: [thumbprint('a')], CreateDate: CREATED, Tags });
    const bare = members(await iam.send(new CreateOpenIDConnectProviderCommand({ Url: 'https://a.example' })));
    expect(bare).toEqual({ OpenIDConnectProviderArn: arnOf('oidc-provider/a.example') });
    expect(await get(bare.OpenIDConnectProviderArn ?? '')).toMatchObject({ ClientIDList: [], ThumbprintList: [], Tags: [] });
    const { OpenIDConnectProviderList } = await iam.send(new ListOpenIDConnectProvidersCommand({}));
    expect(OpenIDConnectProviderList).toEqual([{ Arn: arnOf('oidc-provider/a.example') }, { Arn: arn }]);
  });

  it('drops a query, and keeps port, path and a slash at the end', async () => {
    expect(await create({ Url: 'https://q.example:8443/realms/x/?y=z' })).toBe(arnOf('oidc-provider/q.example:8443/realms/x/'));
    expect(await create({ Url: 'https://q.example:8443/realms/x' })).toBe(arnOf('oidc-provider/q.example:8443/realms/x'));
  });

  it('is told which of them there is already', async () => {
    await create({ Url: 'https://taken.example' });
    for (const Url of ['https://taken.example', 'https://taken.example?x']) await refused(() => create({ Url }), 'EntityAlreadyExists', 409, 'Provider with url https://taken.example already exists.');
  });

  it('is refused what is no URL of an issuer', async () => {
    await refused(() => create({ Url: 'idp.example' }), 'ValidationError', 400, 'Invalid Open ID Connect Provider URL');
    await refused(() => create({ Url: 'http://idp.example' }), 'ValidationError', 400, 'Invalid Open ID Connect Provider URL. The URL must begin with https://.');
  });

  it('gives a provider at most five thumbprints of 40 characters', async () => {
    const five = ['1', '2', '3', '4', '5'].map(thumbprint);
    const arn = await create({ ThumbprintList: five });
    const update = (ThumbprintList: string[]): Promise<unknown> => iam.send(new UpdateOpenIDConnectProviderThumbprintCommand({ OpenIDConnectProviderArn: arn, ThumbprintList }));
    for (const set of [update, (ThumbprintList: string[]) => create({ ThumbprintList })]) {
      await refused(() => set([...five, thumbprint('6')]), 'InvalidInput', 400, 'Thumbprint list must contain fewer than 5 entries.');
      for (const length of [39, 41]) {
        await refused(() => set(['a'.repeat(length)]), 'ValidationError', 400, "1 validation error detected: Value at 'thumbprintList' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 40, Member must have length greater than or equal to 40, Member must not be null]");
      }
    }
    await update([thumbprint('f')]);
    expect((await get(arn)).ThumbprintList).toEqual([thumbprint('f')]);
  });

  it('adds and removes client ids, and neither minds what is so already', async () => {
    const arn = await create({ ClientIDList: ['one'] });
    for (const id of ['two', 'two', 'Two', 'https://a/b?c=d&e', '..']) await add(arn, id);
    expect(await idsOf(arn)).toEqual(['one', 'two', 'Two', 'https://a/b?c=d&e', '..']);
    for (const id of ['two', 'two', 'none', '..']) await remove(arn, id);
    expect(await idsOf(arn)).toEqual(['one', 'Two', 'https://a/b?c=d&e']);
  });

  it('gives a provider at most 100 client ids', async () => {
    const ClientIDList = Array.from({ length: 100 }, (_, index) => `id-${String(index)}`);
    const message = 'Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100';
    const arn = await create({ ClientIDList });
    await add(arn, 'id-7');
    await refused(() => add(arn, 'more'), 'LimitExceeded', 409, message);
    await refused(() => create({ ClientIDList: [...ClientIDList, 'more'] }), 'LimitExceeded', 409, message);
  });

  it('may have 100 of them in an account', async () => {
    const full = await new World(app).account('full of OpenID Connect');
    await app.sql(
      `INSERT INTO oidc_provider (provider_id, account_id, url, client_ids, thumbprints, tags, created_at)
       SELECT 'OIDCFULL' || n, $1, n || '.example', '[]', '[]', '[]', now() FROM generate_series(1, 99) n`,
      [full.root.account],
    );
    const client = app.iam(full.root);
    await client.send(new CreateOpenIDConnectProviderCommand({ Url: 'https://last.example' }));
    await refused(() => client.send(new CreateOpenIDConnectProviderCommand({ Url: 'https://more.example' })), 'LimitExceeded', 409, 'Cannot exceed quota for OpenIDConnectProvidersPerAccount: 100');
    expect((await client.send(new ListOpenIDConnectProvidersCommand({}))).OpenIDConnectProviderList).toHaveLength(100);
  });

  const onOne: [string, (OpenIDConnectProviderArn: string) => Promise<unknown>][] = [
    ['GetOpenIDConnectProvider', (arn) => get(arn)],
    ['AddClientIDToOpenIDConnectProvider', (arn) => add(arn, 'x')],
    ['RemoveClientIDFromOpenIDConnectProvider', (arn) => remove(arn, 'x')],
    ['UpdateOpenIDConnectProviderThumbprint', (OpenIDConnectProviderArn) => iam.send(new UpdateOpenIDConnectProviderThumbprintCommand({ OpenIDConnectProviderArn, ThumbprintList: [] }))],
    ['TagOpenIDConnectProvider', (OpenIDConnectProviderArn) => iam.send(new TagOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, Tags: [] }))],
    ['UntagOpenIDConnectProvider', (OpenIDConnectProviderArn) => iam.send(new UntagOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, TagKeys: [] }))],
    ['ListOpenIDConnectProviderTags', (OpenIDConnectProviderArn) => iam.send(new ListOpenIDConnectProviderTagsCommand({ OpenIDConnectProviderArn }))],
    ['DeleteOpenIDConnectProvider', (OpenIDConnectProviderArn) => iam.send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }))],
  ];
  it.each(onOne)('finds by its exact ARN only, in %s', async (operation, send) => {
    const made = await create({ Url: `https://${fresh()}.example/Path` });
    for (const arn of [arnOf('oidc-provider/none.example'), made.replace('Path', 'path'), `${made}/`, 'arn:aws:iam::000000000001:oidc-provider/none.example']) {
      await refused(() => send(arn), 'NoSuchEntity', 404, operation.startsWith('Delete') ? `OpenId connect Provider ${arn} cannot be found.` : `OpenIDConnect Provider not found for arn ${arn}`);
    }
    for (const arn of [arnOf('saml-provider/none'), arnOf('user/none'), arnOf('oidc-provider/'), 'not an ARN, but long enough']) await refused(() => send(arn), 'InvalidInput', 400, `ARN ${arn} is not valid.`);
    await send(made);
  });

  it('loses no client id among 50 that are added at once, and no other among 50 that are removed', async () => {
    const arn = await create({ ClientIDList: ['first'] });
    const ids = Array.from({ length: 50 }, (_, index) => `id-${String(index)}`);
    await Promise.all(ids.map((id) => add(arn, id)));
    expect((await idsOf(arn)).sort()).toEqual(['first', ...ids].sort());
    await Promise.all(ids.map((id) => remove(arn, id)));
    expect(await idsOf(arn)).toEqual(['first']);
  });

  it('makes one and removes one where 50 would at once, and goes beyond no quota', async () => {
    const Url = `https://${fresh()}.example`;
    const codes = async (sends: (() => Promise<unknown>)[]): Promise<string[]> => Promise.all(sends.map((send) => send().then(() => 'ok', (error: unknown) => (error as { Code?: string }).Code ?? String(error))));
    const made = await codes(Array.from({ length: 50 }, () => () => create({ Url })));
    expect(made.sort()).toEqual([...Array.from({ length: 49 }, () => 'EntityAlreadyExists'), 'ok']);
    const OpenIDConnectProviderArn = arnOf(`oidc-provider/${Url.slice('https://'.length)}`);
    const gone = await codes(Array.from({ length: 50 }, () => () => iam.send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }))));
    expect(gone.sort()).toEqual([...Array.from({ length: 49 }, () => 'NoSuchEntity'), 'ok']);
    const arn = await create({ ClientIDList: Array.from({ length: 75 }, (_, index) => `old-${String(index)}`) });
    const added = await codes(Array.from({ length: 50 }, (_, index) => () => add(arn, `new-${String(index)}`)));
    expect([added.filter((code) => code === 'ok').length, (await idsOf(arn)).length]).toEqual([25, 100]);
  });
});

describe('an unmodified IAM client, about SAML providers', () => {
  const create = async (more: Partial<CreateSAMLProviderCommandInput> = {}, client = iam): Promise<string> =>
    (await client.send(new CreateSAMLProviderCommand({ Name: fresh(), SAMLMetadataDocument: metadata(), ...more }))).SAMLProviderArn ?? '';
  const get = (SAMLProviderArn: string) => iam.send(new GetSAMLProviderCommand({ SAMLProviderArn }));
  const keysOf = async (arn: string): Promise<string[]> => ((await get(arn)).PrivateKeyList ?? []).map(({ KeyId }) => KeyId ?? '');

  it('creates, shows and lists them in the shapes of AWS, the metadata to the letter', async () => {
    const Tags = [{ Key: 'team', Value: 'x' }];
    const SAMLMetadataDocument = `\ufeff${metadata({ within: '\r\n\t<!-- \u20ac \u{1f511} -->' })}\n`;
    const made = members(await iam.send(new CreateSAMLProviderCommand({ Name: 'Corp_1.x-y', SAMLMetadataDocument, Tags })));
    const arn = arnOf('saml-provider/Corp_1.x-y');
    expect(made).toEqual({ SAMLProviderArn: arn, Tags });
    expect(members(await get(arn))).toEqual({
      SAMLProviderUUID: expect.stringMatching(/^[A-Z0-9]{22,64}$/),
      SAMLMetadataDocument,
      CreateDate: CREATED,
      ValidUntil: UNTIL,
      Tags,
      AssertionEncryptionMode: 'Allowed',
      PrivateKeyList: [],
    });
    const bare = members(await iam.send(new CreateSAMLProviderCommand({ Name: 'A', SAMLMetadataDocument: metadata() })));
    expect(bare).toEqual({ SAMLProviderArn: arnOf('saml-provider/A') });
    expect(await get(arnOf('saml-provider/A'))).toMatchObject({ Tags: [] });
    const { SAMLProviderList } = await iam.send(new ListSAMLProvidersCommand({}));
    expect(SAMLProviderList).toEqual(['A', 'Corp_1.x-y'].map((name) => ({ Arn: arnOf(`saml-provider/${name}`), ValidUntil: UNTIL, CreateDate: CREATED })));
  });

  it('is told which of them there is already', async () => {
    await create({ Name: 'taken' });
    await refused(() => create({ Name: 'taken' }), 'EntityAlreadyExists', 409, 'Provider with name taken already exists.');
  });

  it('is refused metadata that is none, when one is made and when it is changed', async () => {
    const arn = await create();
    const bad = [`<html>${'x'.repeat(1000)}</html>`, metadata({ before: '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>', within: '&e;' }), metadata({ descriptor: 'SPSSODescriptor' }), metadata({ keys: keyDescriptor(undefined, ' use="encryption"') })];
    for (const SAMLMetadataDocument of bad) {
      await refused(() => create({ SAMLMetadataDocument }), 'InvalidInput', 400, 'Could not parse metadata');
      await refused(() => iam.send(new UpdateSAMLProviderCommand({ SAMLProviderArn: arn, SAMLMetadataDocument })), 'InvalidInput', 400, 'Could not parse metadata');
    }
  });

  it('changes what is said, and nothing else', async () => {
    const arn = await create({ Tags: [{ Key: 'team', Value: 'x' }] });
    const before = await get(arn);
    const update = (more: object): Promise<unknown> => iam.send(new UpdateSAMLProviderCommand({ SAMLProviderArn: arn, ...more }));
    expect(await update({})).toMatchObject({ SAMLProviderArn: arn });
    expect(await get(arn)).toEqual({ ...before, $metadata: expect.anything() });
    const SAMLMetadataDocument = metadata({ entityId: 'urn:other' });
    await update({ SAMLMetadataDocument });
    await update({ AssertionEncryptionMode: 'Required' });
    expect(await get(arn)).toEqual({ ...before, SAMLMetadataDocument, AssertionEncryptionMode: 'Required', $metadata: expect.anything() });
  });

  it('gives a provider up to two private keys, and shows them to nobody', async () => {
    const arn = await create({ AddPrivateKey: privateKey() });
    const update = (more: object): Promise<unknown> => iam.send(new UpdateSAMLProviderCommand({ SAMLProviderArn: arn, ...more }));
    const [first = ''] = await keysOf(arn);
    await update({ AddPrivateKey: privateKey() });
    const [, second = ''] = (await keysOf(arn)).sort((a) => (a === first ? -1 : 1));
    await refused(() => update({ AddPrivateKey: privateKey() }), 'LimitExceeded', 409, 'Cannot exceed quota for PrivateKeysPerSAMLProvider: 2');
    await update({ AddPrivateKey: privateKey(), RemovePrivateKey: first });
    expect(await keysOf(arn)).toContain(second);
    const { PrivateKeyList } = await get(arn);
    expect(PrivateKeyList).toEqual([1, 2].map(() => ({ KeyId: expect.stringMatching(/^[A-Z0-9]{22,64}$/), Timestamp: CREATED })));
    const elsewhere = await create({ AddPrivateKey: privateKey() });
    for (const RemovePrivateKey of [first, ...(await keysOf(elsewhere))]) await refused(() => update({ RemovePrivateKey }), 'NoSuchEntity', 404, `The private key with id ${RemovePrivateKey} cannot be found.`);
    for (const RemovePrivateKey of await keysOf(arn)) await update({ RemovePrivateKey });
    expect(await keysOf(arn)).toEqual([]);
  });

  it('is refused a private key that is none, is of another kind, weak or slow, or needs a passphrase', async () => {
    const arn = await create();
    for (const AddPrivateKey of ['no key', privateKey('ed25519'), privateKey('rsa', 'passphrase'), ...[1_024, 4_104].map((bits) => privateKey('rsa', undefined, bits)), `-----BEGIN CERTIFICATE-----\n${CERTIFICATES[0]}\n-----END CERTIFICATE-----`]) {
      await refused(() => create({ AddPrivateKey }), 'InvalidInput', 400, 'Could not parse private key');
      await refused(() => iam.send(new UpdateSAMLProviderCommand({ SAMLProviderArn: arn, AddPrivateKey })), 'InvalidInput', 400, 'Could not parse private key');
    }
  });

  it('may have 100 of them in an account', async () => {
    const full = await new World(app).account('full of SAML');
    await app.sql(
      `INSERT INTO saml_provider (provider_id, account_id, provider_name, metadata, entity_id, certificates, encryption_mode, tags, created_at)
       SELECT 'SAMLFULL' || n, $1, 'p' || n, '', '', '[]', 'Allowed', '[]', now() FROM generate_series(1, 99) n`,
      [full.root.account],
    );
    const client = app.iam(full.root);
    await create({ Name: 'last' }, client);
    await refused(() => create({ Name: 'more' }, client), 'LimitExceeded', 409, 'Cannot exceed quota for SAMLProvidersPerAccount: 100');
    expect((await client.send(new ListSAMLProvidersCommand({}))).SAMLProviderList).toHaveLength(100);
  });

  const onOne: [string, (SAMLProviderArn: string) => Promise<unknown>][] = [
    ['GetSAMLProvider', (arn) => get(arn)],
    ['UpdateSAMLProvider', (SAMLProviderArn) => iam.send(new UpdateSAMLProviderCommand({ SAMLProviderArn }))],
    ['TagSAMLProvider', (SAMLProviderArn) => iam.send(new TagSAMLProviderCommand({ SAMLProviderArn, Tags: [] }))],
    ['UntagSAMLProvider', (SAMLProviderArn) => iam.send(new UntagSAMLProviderCommand({ SAMLProviderArn, TagKeys: [] }))],
    ['ListSAMLProviderTags', (SAMLProviderArn) => iam.send(new ListSAMLProviderTagsCommand({ SAMLProviderArn }))],
    ['DeleteSAMLProvider', (SAMLProviderArn) => iam.send(new DeleteSAMLProviderCommand({ SAMLProviderArn }))],
  ];
  it.each(onOne)('finds by its exact ARN only, in %s', async (_, send) => {
    const made = await create({ Name: `Case-${fresh()}` });
    for (const arn of [arnOf('saml-provider/none'), made.replace('Case', 'case'), 'arn:aws:iam::000000000001:saml-provider/none']) await refused(() => send(arn), 'NoSuchEntity', 404, `Manifest not found for arn ${arn}`);
    for (const arn of [arnOf('oidc-provider/none.example'), arnOf('saml-provider/a/b'), 'not an ARN, but long enough']) await refused(() => send(arn), 'InvalidInput', 400, `ARN ${arn} is not valid.`);
    await send(made);
  });

  it('deletes one with its keys', async () => {
    const arn = await create({ AddPrivateKey: privateKey() });
    const [keyId] = await keysOf(arn);
    await iam.send(new DeleteSAMLProviderCommand({ SAMLProviderArn: arn }));
    expect(await app.sql('SELECT 1 FROM saml_private_key WHERE key_id = $1', [keyId])).toEqual([]);
  });
});

describe.each(['OpenID Connect', 'SAML'])('tags of %s providers', (kind) => {
  const isOidc = kind === 'OpenID Connect';
  const create = async (Tags: { Key: string; Value: string }[] = []): Promise<string> =>
    isOidc
      ? ((await iam.send(new CreateOpenIDConnectProviderCommand({ Url: `https://${fresh()}.example`, Tags }))).OpenIDConnectProviderArn ?? '')
      : ((await iam.send(new CreateSAMLProviderCommand({ Name: fresh(), SAMLMetadataDocument: metadata(), Tags }))).SAMLProviderArn ?? '');
  const tag = (arn: string, Tags: { Key: string; Value: string }[]): Promise<unknown> =>
    isOidc ? iam.send(new TagOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: arn, Tags })) : iam.send(new TagSAMLProviderCommand({ SAMLProviderArn: arn, Tags }));
  const untag = (arn: string, TagKeys: string[]): Promise<unknown> =>
    isOidc ? iam.send(new UntagOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: arn, TagKeys })) : iam.send(new UntagSAMLProviderCommand({ SAMLProviderArn: arn, TagKeys }));
  const list = (arn: string, page: { Marker?: string | undefined; MaxItems?: number } = {}) =>
    isOidc ? iam.send(new ListOpenIDConnectProviderTagsCommand({ OpenIDConnectProviderArn: arn, ...page })) : iam.send(new ListSAMLProviderTagsCommand({ SAMLProviderArn: arn, ...page }));
  const tagsOf = async (arn: string): Promise<string[]> => ((await list(arn)).Tags ?? []).map(({ Key, Value }) => `${Key ?? ''}=${Value ?? ''}`);

  it('are put, changed and taken away by exact key, and listed in pages as AWS lists them', async () => {
    const arn = await create();
    await tag(arn, ['abc', 'z', 'a', 'A', 'b'].map((Key) => ({ Key, Value: '1' })));
    await tag(arn, [{ Key: 'a', Value: '' }]);
    expect(await tagsOf(arn)).toEqual(['A=1', 'a=', 'b=1', 'z=1', 'abc=1']);
    await untag(arn, ['A', 'B', 'abc']);
    expect(await tagsOf(arn)).toEqual(['a=', 'b=1', 'z=1']);
    const first = await list(arn, { MaxItems: 2 });
    const rest = await list(arn, { Marker: first.Marker });
    expect([first.Tags?.length, first.IsTruncated, rest.Tags, rest.IsTruncated]).toEqual([2, true, [{ Key: 'z', Value: '1' }], false]);
    await refused(() => list(arn, { Marker: 'x' }), 'ValidationError', 400, 'Invalid Marker.');
  });

  it('are at most 50, and none twice', async () => {
    const many = Array.from({ length: 50 }, (_, index) => ({ Key: `key-${String(index)}`, Value: '' }));
    const arn = await create(many);
    await tag(arn, many);
    await refused(() => tag(arn, [{ Key: 'more', Value: '' }]), 'LimitExceeded', 409, 'The number of tags has reached the maximum limit.');
    const twice = [{ Key: 'a', Value: '1' }, { Key: 'a', Value: '2' }];
    for (const send of [() => tag(arn, twice), () => create(twice)]) await refused(send, 'InvalidInput', 400, 'Duplicate tag keys found.');
  });

  it('need a permission of their own when one is made, and decide about it afterwards', async () => {
    const noun = isOidc ? 'OpenIDConnectProvider' : 'SAMLProvider';
    const maker = app.iam(await world.user(fresh(), allows(`iam:Create${noun}`)));
    const make = (Tags: { Key: string; Value: string }[]): Promise<unknown> =>
      isOidc ? maker.send(new CreateOpenIDConnectProviderCommand({ Url: `https://${fresh()}.example`, Tags })) : maker.send(new CreateSAMLProviderCommand({ Name: fresh(), SAMLMetadataDocument: metadata(), Tags }));
    await expect(make([])).resolves.toBeDefined();
    await expect(make([{ Key: 'a', Value: '' }])).rejects.toMatchObject({ name: 'AccessDenied', message: expect.stringContaining(`iam:Tag${noun}`) });
    const owner = app.iam(await world.user(fresh(), { Version: '2012-10-17', Statement: { Effect: 'Allow', Action: `iam:Delete${noun}`, Resource: '*', Condition: { StringEquals: { 'aws:ResourceTag/team': 'x' } } } }));
    const remove = (arn: string): Promise<unknown> => (isOidc ? owner.send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: arn })) : owner.send(new DeleteSAMLProviderCommand({ SAMLProviderArn: arn })));
    await expect(remove(await create([{ Key: 'team', Value: 'y' }]))).rejects.toMatchObject({ name: 'AccessDenied' });
    await expect(remove(await create([{ Key: 'team', Value: 'x' }]))).resolves.toBeDefined();
  });
});

describe('trust in identity providers', () => {
  const document = async (RoleName: string): Promise<unknown> => JSON.parse(decodeURIComponent((await iam.send(new GetRoleCommand({ RoleName }))).Role?.AssumeRolePolicyDocument ?? ''));
  const made = async (): Promise<{ oidc: string; saml: string; remake: () => Promise<void> }> => {
    const [Url, Name] = [`https://${fresh()}.example`, fresh()];
    const remake = async (): Promise<void> => {
      await iam.send(new CreateOpenIDConnectProviderCommand({ Url }));
      await iam.send(new CreateSAMLProviderCommand({ Name, SAMLMetadataDocument: metadata() }));
    };
    await remake();
    return { oidc: arnOf(`oidc-provider/${Url.slice('https://'.length)}`), saml: arnOf(`saml-provider/${Name}`), remake };
  };
  const idsOf = async (name: string): Promise<Record<string, string>> => (await app.sql<{ trust_principals: Record<string, string> }>('SELECT trust_principals FROM role WHERE account_id = $1 AND role_name = $2', [account, name]))[0]?.trust_principals ?? {};

  it('is saved with their unique ids, and read as it was written', async () => {
    const { oidc, saml } = await made();
    const trust = federated([oidc, saml, 'accounts.google.com', 'arn:aws:iam::000000000001:saml-provider/elsewhere']);
    const role = await world.role(fresh(), trust);
    expect(await document(role.name)).toEqual(trust);
    expect(await idsOf(role.name)).toEqual({ [oidc]: expect.stringMatching(/^OIDC[A-Z2-7]{20}$/), [saml]: expect.stringMatching(/^SAML[A-Z2-7]{20}$/) });
  });

  it('is refused where there is no such provider in the account', async () => {
    const { oidc, saml } = await made();
    const { name: RoleName } = await world.role(fresh(), federated(oidc));
    for (const arn of [arnOf('oidc-provider/none.example'), arnOf('saml-provider/none'), `${oidc}/`, saml.toUpperCase().replace(/^ARN:AWS:IAM(.*)SAML-PROVIDER/, 'arn:aws:iam$1saml-provider')]) {
      const message = `Invalid principal in policy: "FEDERATED":"${arn}"`;
      await refused(() => world.role(fresh(), federated(arn)), 'MalformedPolicyDocument', 400, message);
      await refused(() => iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: JSON.stringify(federated([oidc, arn])) })), 'MalformedPolicyDocument', 400, message);
    }
  });

  it('ends with the provider, reads as its unique id, and does not pass to one that is made anew under its name', async () => {
    const { oidc, saml, remake } = await made();
    const { name: RoleName } = await world.role(fresh(), federated([oidc, saml]));
    const ids = await idsOf(RoleName);
    await iam.send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn: oidc }));
    await iam.send(new DeleteSAMLProviderCommand({ SAMLProviderArn: saml }));
    expect(await document(RoleName)).toEqual(federated([ids[oidc] ?? '', ids[saml] ?? '']));
    await remake();
    expect(await document(RoleName)).toEqual(federated([ids[oidc] ?? '', ids[saml] ?? '']));
    expect(await idsOf(RoleName)).toEqual(ids);
    await refused(() => iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: JSON.stringify(federated(ids[oidc] ?? '')) })), 'MalformedPolicyDocument', 400, `Invalid principal in policy: "FEDERATED":"${ids[oidc] ?? ''}"`);
    await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName, PolicyDocument: JSON.stringify(federated([oidc, saml])) }));
    expect(Object.values(await idsOf(RoleName))).not.toEqual(expect.arrayContaining(Object.values(ids)));
    expect(await document(RoleName)).toEqual(federated([oidc, saml]));
  });
});

describe('what nodes remember of identity providers', () => {
  let beside: TestApp;

  beforeAll(async () => {
    beside = await TestApp.boot({ beside: app });
  });
  afterAll(() => beside.close());

  it('is what they are, on the node that changed them at once and on the other after its notice', async () => {
    const [here, there] = [app, beside].map((node) => node.running.app.get(IdentityProvidersStore));
    const OpenIDConnectProviderArn = arnOf('oidc-provider/remembered.example');
    const SAMLProviderArn = arnOf('saml-provider/remembered');
    for (const store of [here, there]) expect([await store?.findOidcProvider(OpenIDConnectProviderArn), await store?.findSamlProvider(SAMLProviderArn)]).toEqual([undefined, undefined]);
    await iam.send(new CreateOpenIDConnectProviderCommand({ Url: 'https://remembered.example', ClientIDList: ['one'] }));
    await iam.send(new CreateSAMLProviderCommand({ Name: 'remembered', SAMLMetadataDocument: metadata() }));
    expect(await here?.findOidcProvider(OpenIDConnectProviderArn)).toMatchObject({ clientIds: ['one'] });
    expect(await here?.findSamlProvider(SAMLProviderArn)).toMatchObject({ entityId: 'https://idp.example/saml', certificates: [CERTIFICATES[0]] });
    expect(await here?.findSamlProvider(SAMLProviderArn)).not.toHaveProperty('metadata');
    await until('the notice has come', async () => (await there?.findOidcProvider(OpenIDConnectProviderArn))?.clientIds.length === 1);
    await until('the notice has come', async () => (await there?.findSamlProvider(SAMLProviderArn)) !== undefined);
    await iam.send(new AddClientIDToOpenIDConnectProviderCommand({ OpenIDConnectProviderArn, ClientID: 'two' }));
    await iam.send(new UpdateSAMLProviderCommand({ SAMLProviderArn, SAMLMetadataDocument: metadata({ entityId: 'urn:other', keys: keyDescriptor(CERTIFICATES[1]) }) }));
    expect(await here?.findOidcProvider(OpenIDConnectProviderArn)).toMatchObject({ clientIds: ['one', 'two'] });
    await until('the notice has come', async () => (await there?.findOidcProvider(OpenIDConnectProviderArn))?.clientIds.length === 2);
    await until('the notice has come', async () => (await there?.findSamlProvider(SAMLProviderArn))?.entityId === 'urn:other');
    await iam.send(new DeleteOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }));
    expect(await here?.find(OpenIDConnectProviderArn)).toBeUndefined();
    await until('the notice has come', async () => (await there?.findOidcProvider(OpenIDConnectProviderArn)) === undefined);
  });
});
