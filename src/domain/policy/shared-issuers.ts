/** The end of a text that is known to its end; in front of it stands everything. */
export const END = '\u0000';

/** How a text has to begin, as far as a policy says it literally, to be of one organisation only. */
export type Form = RegExp;

/** What is known of an issuer of identity tokens. */
export interface IssuerRow {
  /** By its name in ARNs, in lower case. */
  readonly issuer: RegExp;
  /**
   * `shared`: organisations that have nothing to do with each other get tokens of it. `bound`: its URL is that of one
   * organisation. `cluster`: the same, but those that get tokens of it must not be taken for one another.
   */
  readonly tenancy: 'shared' | 'bound' | 'cluster';
  /** What a subject of one organisation looks like; without it, the claim `sub` does not say the organisation. */
  readonly subject?: Form;
  /** Other claims that say the organisation, and what they look like then; with a colon, a condition key of AWS. */
  readonly claims?: Readonly<Record<string, Form>>;
  /** The claim that says for whom the token is, where that is the organisation and nothing else has to be asked. */
  readonly client?: string;
  /** How a good subject is written, for people. */
  readonly example?: string;
}

/** A value that is known to its end. */
export const WHOLE: Form = /^[^]+\u0000$/;
const OWNER: Form = /^[^/]+\//;
const SERVICE_ACCOUNT: Form = /^system:serviceaccount:[^:]+:/i;
const ORGANIZATION: Form = /^organization:[^:]+:/i;
const PROJECT_PATH: Form = /^project_path:[^/:]+\//i;

/**
 * GitHub lets every repository choose which claims its subject is made of. What an owner chooses freely, such as the name
 * of an environment, or what he may use of others, such as a reusable workflow, says nothing about the owner.
 */
const GITHUB: Pick<IssuerRow, 'subject' | 'claims' | 'example'> = {
  subject: /^(?:(?:repo|repository):[^/:]+\/|(?:repository_owner|enterprise):[^:]+[:\u0000]|(?:repository_owner_id|repository_id|enterprise_id):\d+[:\u0000])/i,
  claims: { repository: OWNER, repository_owner: WHOLE, repository_owner_id: WHOLE, repository_id: WHOLE, enterprise: WHOLE, enterprise_id: WHOLE },
  example: 'repo:OWNER/REPOSITORY:ref:refs/heads/main',
};
const KUBERNETES = { tenancy: 'cluster', subject: SERVICE_ACCOUNT, example: 'system:serviceaccount:NAMESPACE:NAME' } as const;
const GUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** The tenant of Microsoft that everybody with a private account is in. */
const CONSUMERS = '9188040d-6c67-4c5b-b112-36a304b66dad';
const ENTRA = { claims: { tid: WHOLE, oid: WHOLE }, subject: WHOLE, example: 'the whole subject' } as const;

/** The tenant of Microsoft that collects logs for all who use its Sentinel: their tokens differ in nothing. */
const SENTINEL = '33e01921-4d64-4f8c-a055-5bdaffd5e33d';

/**
 * Issuers that are known; of several rows the first counts. Among the shared ones are all of which AWS demands a condition (IAM User
 * Guide: identity-provider controls for shared OIDC providers).
 */
const rows: readonly IssuerRow[] = [
  { issuer: /^(?:token|vstoken)\.actions\.githubusercontent\.com$/, tenancy: 'shared', ...GITHUB },
  { issuer: /^token\.actions\.githubusercontent\.com\/./, tenancy: 'bound', ...GITHUB },
  { issuer: /^token\.actions\.[a-z0-9-]+\.ghe\.com(?:\/|$)/, tenancy: 'bound', ...GITHUB },
  { issuer: /^oidc-configuration\.audit-log\.githubusercontent\.com$/, tenancy: 'shared', subject: WHOLE, example: 'https://github.com/ENTERPRISE' },
  { issuer: /^codeberg\.org(?:\/|$)/, tenancy: 'shared', subject: /^repo:[^/:]+\//i, claims: { repository: OWNER, repository_owner: WHOLE }, example: 'repo:OWNER/REPOSITORY:ref:refs/heads/main' },
  { issuer: /^gitlab\.com$/, tenancy: 'shared', subject: PROJECT_PATH, claims: { namespace_id: WHOLE, namespace_path: /^[^/]+[/\u0000]/, project_id: WHOLE, project_path: OWNER }, example: 'project_path:GROUP/PROJECT:ref_type:branch:ref:main' },
  {
    issuer: /^app(?:\.eu)?\.terraform\.io$/,
    tenancy: 'shared',
    subject: ORGANIZATION,
    claims: { terraform_organization_id: WHOLE, terraform_organization_name: WHOLE, terraform_project_id: WHOLE, terraform_workspace_id: WHOLE },
    example: 'organization:ORGANIZATION:project:PROJECT:workspace:WORKSPACE:run_phase:apply',
  },
  { issuer: /^agent\.buildkite\.com$/, tenancy: 'shared', subject: ORGANIZATION, claims: { organization_id: WHOLE, organization_slug: WHOLE, pipeline_id: WHOLE }, example: 'organization:ORGANIZATION:pipeline:PIPELINE:*' },
  { issuer: /^accounts\.google\.com$/, tenancy: 'shared', subject: WHOLE, claims: { hd: WHOLE, email: WHOLE }, example: 'the whole number of the account' },
  { issuer: /^cognito-identity\.amazonaws\.com$/, tenancy: 'shared', client: 'aud' },
  { issuer: /^(?:graph\.facebook\.com|www\.amazon\.com)$/, tenancy: 'shared', client: 'app_id' },
  { issuer: /^oidc\.vercel\.com$/, tenancy: 'shared', subject: /^owner:[^:]+:/i, claims: { aud: /^https:\/\/vercel\.com\/[^/]+\u0000$/, owner: WHOLE, owner_id: WHOLE, project_id: WHOLE }, example: 'owner:TEAM:project:PROJECT:environment:production' },
  // Here whoever asks for a token does not choose its audience, which is the organisation; of version 2 he does.
  { issuer: /^api\.pulumi\.com\/oidc$/, tenancy: 'shared', subject: /^pulumi:[a-z]+:(?:org|pulumi\.organization\.login):[^:]+[:\u0000]/i, claims: { aud: WHOLE }, example: 'pulumi:deploy:org:ORGANIZATION:project:PROJECT:*' },
  { issuer: /^api\.pulumi\.com\/oidc\/./, tenancy: 'shared', subject: /^pulumi:org:[^:]+:/i, example: 'pulumi:org:ORGANIZATION-ID:env:ENVIRONMENT-ID' },
  { issuer: /^oidc\.codefresh\.io$/, tenancy: 'shared', subject: /^account:[^:]+:/i, claims: { account_id: WHOLE, account_name: WHOLE }, example: 'account:ACCOUNT:pipeline:*' },
  { issuer: /^oidc\.cirrus-ci\.com$/, tenancy: 'shared', subject: /^repo:github:[^/:]+\//i, example: 'repo:github:OWNER/REPOSITORY' },
  { issuer: /^oidc\.modal\.com$/, tenancy: 'shared', subject: /^modal:workspace_id:[^:]+:/i, claims: { workspace_id: WHOLE }, example: 'modal:workspace_id:WORKSPACE:*' },
  { issuer: /^oidc\.deno\.com$/, tenancy: 'shared', subject: /^deployment:[^/:]+\//i, example: 'deployment:ORGANIZATION/APPLICATION/CONTEXT' },
  { issuer: /^identity\.depot\.dev$/, tenancy: 'shared', subject: /^spiffe:\/\/identity\.depot\.dev\/org\/[^/]+\//i, claims: { org_id: WHOLE }, example: 'spiffe://identity.depot.dev/org/ORGANIZATION/ci/github/OWNER/REPOSITORY/*' },
  { issuer: /^federation\.namespaceapis\.com$/, tenancy: 'shared', subject: OWNER, example: 'WORKSPACE/*' },
  { issuer: /^login\.app\.env0\.com\/?$/, tenancy: 'shared', subject: WHOLE, example: 'the whole subject of your organisation' },
  { issuer: /^scalr\.io$/, tenancy: 'shared', subject: /^account:[^:]+:/i, example: 'account:ACCOUNT:environment:ENVIRONMENT:workspace:WORKSPACE' },
  { issuer: /^proidc\.upbound\.io$/, tenancy: 'shared', subject: /^mcp:[^/:]+\//i, example: 'mcp:ORGANIZATION/CONTROL-PLANE:provider:PROVIDER' },
  { issuer: /^studio\.datachain\.ai\/api$/, tenancy: 'shared', subject: /^credentials:[^/:]+\//i, example: 'credentials:TEAM/CREDENTIALS' },
  { issuer: /^tokens\.cloud\.shisho\.dev$/, tenancy: 'shared', subject: WHOLE, example: 'the whole subject' },
  { issuer: /^sandboxes\.cloud$/, tenancy: 'shared', client: 'aud' },
  { issuer: new RegExp(`^sts\\.windows\\.net/${SENTINEL}(?:/|$)`), tenancy: 'shared', claims: { 'sts:rolesessionname': WHOLE }, example: 'which tells no customers apart here; ask for a whole sts:RoleSessionName with your workspace instead' },
  // In the tenant of everybody, whose it is says nothing.
  { issuer: new RegExp(`^(?:login\\.microsoftonline\\.com|sts\\.windows\\.net)/${CONSUMERS}(?:/|$)`), tenancy: 'shared', ...ENTRA, claims: { oid: WHOLE } },
  { issuer: new RegExp(`^(?:login\\.microsoftonline\\.com|sts\\.windows\\.net)/(?:common|organizations|consumers)(?:/|$)`), tenancy: 'shared', ...ENTRA },
  { issuer: new RegExp(`^(?:login\\.microsoftonline\\.com|sts\\.windows\\.net|vstoken\\.dev\\.azure\\.com)/${GUID}(?:/|$)`), tenancy: 'bound', ...ENTRA },
  { issuer: /^oidc\.circleci\.com\/org\/./, tenancy: 'bound', example: 'org/ORGANIZATION/project/PROJECT/*' },
  { issuer: /^api\.bitbucket\.org\/2\.0\/workspaces\/[^/]+\//, tenancy: 'bound', example: '{REPOSITORY}:*' },
  { issuer: /^(?:oidc\.vercel\.com|oidc\.fly\.io|securetoken\.google\.com)\/./, tenancy: 'bound' },
  { issuer: /^cognito-idp\.[a-z0-9-]+\.amazonaws\.com\/./, tenancy: 'bound' },
  { issuer: /^[a-z0-9-]+(?:\.[a-z]{2})?\.(?:okta\.com|auth0\.com)(?:\/|$)/, tenancy: 'bound' },
  { issuer: /^oidc\.eks\.[a-z0-9-]+\.amazonaws\.com\/id\/./, ...KUBERNETES },
  { issuer: /^oidc\.op1\.openshiftapps\.com\/./, ...KUBERNETES },
  { issuer: /^container\.googleapis\.com\/v1\/projects\/./, ...KUBERNETES },
  { issuer: /^[a-z0-9-]+\.oic\.prod-aks\.azure\.com\/./, ...KUBERNETES },
];

/** What is known of an issuer, by its name in ARNs; undefined for one that nobody here has heard of. */
export function knownIssuer(name: string): IssuerRow | undefined {
  const lowered = name.toLowerCase();
  return rows.find(({ issuer }) => issuer.test(lowered));
}

/** Forms of subjects that are known wherever they come from: servers that people run themselves write them too. */
const families: readonly (readonly [prefix: string, form: Form])[] = [
  ['repo:', /^repo:[^/:]+\//i],
  ['project_path:', PROJECT_PATH],
  ['organization:', ORGANIZATION],
  ['system:serviceaccount:', SERVICE_ACCOUNT],
];

/**
 * Whether a value of a claim of which nothing is known says whom it is about: it does not begin with a wildcard, and where
 * it is written as the subjects of a known kind of server, it says the organisation as those do.
 */
export function saysWhom(text: string): boolean {
  const lowered = text.toLowerCase();
  if (!/[\p{L}\p{N}]/u.test(text)) return false;
  return families.every(([prefix, form]) => !(lowered.startsWith(prefix) || prefix.startsWith(lowered)) || form.test(text));
}
