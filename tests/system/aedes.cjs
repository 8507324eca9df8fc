// SPDX-License-Identifier: MIT
// The broker aedes on a port of this machine. Usage: node aedes.cjs FOLDER_OF_NODE_MODULES PORT
const [folder, port] = process.argv.slice(2);
const broker = require(folder + '/aedes')();
require('net').createServer(broker.handle).listen(+port, '127.0.0.1', () => console.log('ready'));
