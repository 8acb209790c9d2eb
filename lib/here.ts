/**
 * The folder of this file. The only place that asks where the code lies: where it is compiled to CommonJS, the build puts
 * `__dirname` in its place.
 */
export const HERE = import.meta.dirname;
