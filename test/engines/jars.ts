/** Amazon's DynamoDB Local and ElasticMQ as Maven has them, in `.local/engines`. Nothing else is fetched. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../local/engines.ts';
import { PROJECT_DIRECTORY } from '../../service/project.ts';

export const DYNAMODB_LOCAL = { groupId: 'com.amazonaws', artifactId: 'DynamoDBLocal', version: '2.6.1' };
export const ELASTICMQ = { groupId: 'org.elasticmq', artifactId: 'elasticmq-server_2.13', version: '1.7.1' };
type Artifact = typeof DYNAMODB_LOCAL;

export const ENGINES_DIRECTORY = join(PROJECT_DIRECTORY, '.local', 'engines');
const SOURCES = import.meta.dirname;
/** DynamoDB Local 2 is compiled for it. */
const LEAST_JAVA = 17;
const INSTALL = `Debian and Ubuntu: apt install openjdk-${LEAST_JAVA}-jdk-headless maven. macOS: brew install openjdk maven`;

/** Java, and each engine with all that it depends on. */
export interface Jars {
  readonly javaVersion: string;
  readonly dynamodbLocal: string;
  readonly elasticMq: string;
  /** Our own launchers, compiled. */
  readonly launchers: string;
}

/**
 * Fetches what is not there yet.
 *
 * @param directory where to keep it
 * @param say told what is fetched
 * @throws EngineError saying what to install, or why Maven could not fetch it
 */
export const fetchJars = (directory: string, say: (line: string) => void): Jars => {
  const javaVersion = findJava();
  const [dynamodbLocal, elasticMq] = [fetchOne(directory, DYNAMODB_LOCAL, say), fetchOne(directory, ELASTICMQ, say)];
  return { javaVersion, dynamodbLocal, elasticMq, launchers: compileLaunchers(directory, dynamodbLocal) };
};

const findJava = (): string => {
  const { error, stderr } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  if (error) throw new EngineError(`there is no Java on the PATH. ${INSTALL}`);
  const version = /version "([^"]+)"/.exec(stderr)?.[1] ?? '';
  if (Number.parseInt(version, 10) < LEAST_JAVA) {
    throw new EngineError(`DynamoDB Local needs Java ${LEAST_JAVA} or later, got ${version || stderr}. ${INSTALL}`);
  }
  return version;
};

const fetchOne = (parent: string, { groupId, artifactId, version }: Artifact, say: (line: string) => void): string => {
  const directory = join(parent, `${artifactId}-${version}`);
  const jars = join(directory, 'jars');
  if (existsSync(jars)) return jars;
  say(`fetching ${groupId}:${artifactId}:${version} with Maven…`);
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, 'pom.xml'),
    `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId>
  <artifactId>engine</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>${groupId}</groupId>
      <artifactId>${artifactId}</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`,
  );
  // Renamed into place when all are there: half of them would look like the whole.
  const fetching = join(directory, 'fetching');
  rmSync(fetching, { recursive: true, force: true });
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${fetching}`];
  const { error, status, stdout } = spawnSync('mvn', ['--batch-mode', '--quiet', ...goal], {
    cwd: directory,
    encoding: 'utf8',
  });
  if (error) throw new EngineError(`there is no Maven (mvn) on the PATH. ${INSTALL}`);
  if (status !== 0) {
    throw new EngineError(
      `Maven could not fetch ${artifactId} ${version}; it must reach Maven Central, or a mirror that its settings.xml names:\n${stdout.slice(-1_000)}`,
    );
  }
  renameSync(fetching, jars);
  return jars;
};

const compileLaunchers = (directory: string, dynamodbLocal: string): string => {
  const launchers = join(directory, 'launchers');
  const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.java'));
  const { error, status, stderr } = spawnSync(
    'javac',
    ['-cp', join(dynamodbLocal, '*'), '-d', launchers, ...sources.map((name) => join(SOURCES, name))],
    { encoding: 'utf8' },
  );
  if (error) throw new EngineError(`there is a Java, but no compiler (javac) on the PATH: a JDK is needed. ${INSTALL}`);
  if (status !== 0) throw new EngineError(`javac refused our launchers in test/engines:\n${stderr}`);
  return launchers;
};
