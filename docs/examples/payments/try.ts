/**
 * `npm run example:payments`, with `npm start` in another terminal: plays the scenes against the running service and says what has
 * become of each booking and of its money. BOOKINGS_URL says where the service is, if it is not http://127.0.0.1:3000.
 */
import { SCENES, type Scene } from './scenes.ts';
import { Shop } from './shop.ts';

const origin = process.env.BOOKINGS_URL || 'http://127.0.0.1:3000';

const isRunning = (): Promise<boolean> =>
  fetch(`${origin}/api/v1/health`).then(
    ({ ok }) => ok,
    () => false,
  );

/** @returns whether it came to the end that it should */
const play = async (scene: Scene, shop: Shop): Promise<boolean> => {
  console.log(`\n${scene.title}.`);
  await scene.play(shop, (text) => console.log(`  … ${text}`));
  const { status, isRevived } = await shop.statusOf(scene.name);
  const { taken, givenBack } = shop.provider.accountOf(shop.idOf(scene.name));
  const { end } = scene;
  const isRight =
    status === end.status &&
    isRevived === (end.isRevived ?? false) &&
    taken === end.taken &&
    givenBack === end.givenBack;
  const money = taken === 0 ? 'no money was taken' : givenBack === 0 ? 'the money stays' : 'the money went back, once';
  console.log(`  → the booking is ${status}${isRevived ? ', revived' : ''}; ${money}${isRight ? '' : ' — WRONG'}`);
  return isRight;
};

if (!(await isRunning())) {
  console.error(`there is no booking service at ${origin}: run npm start in another terminal, or set BOOKINGS_URL`);
  process.exit(1);
}
const shop = new Shop(origin, `shop-${Date.now().toString(36)}`);
let right = 0;
for (const scene of SCENES) if (await play(scene, shop)) right += 1;
console.log(`\n${right} of ${SCENES.length} scenes ended as they should`);
process.exit(right === SCENES.length ? 0 : 1);
