// The lines of the simulated metro as the map draws them: made of simulators/trains_network.ts, which a test compares.

/** Name, latitude, longitude. */
export type Station = readonly [name: string, latitude: number, longitude: number];

export const NETWORK: readonly { readonly name: string; readonly stations: readonly Station[] }[] = [{
  "name": "Harbour Line",
  "stations": [
    ["Dimitri Wynd", 51.402, -2.64381],
    ["Cruickshank Rise", 51.41351, -2.62986],
    ["Corkery Corner", 51.42247, -2.62315],
    ["Woodlands", 51.4344, -2.61404],
    ["Marcus Ridge", 51.44134, -2.6043],
    ["Market Square", 51.4545, -2.5879],
    ["Elm Close", 51.46526, -2.57744],
    ["Austen Wynd", 51.47588, -2.56745],
    ["Maribel Drive", 51.48952, -2.55782],
    ["Roman Way", 51.50257, -2.54462],
    ["Poplar Road", 51.511, -2.54003],
  ],
}, {
  "name": "Central Line",
  "stations": [
    ["Marco Meadow", 51.43226, -2.68751],
    ["Vernie Chase", 51.43536, -2.66667],
    ["Parisian-Bruen Path", 51.43636, -2.65029],
    ["Christiana Path", 51.43924, -2.63687],
    ["Lori Chase", 51.44786, -2.61484],
    ["Bella Orchard", 51.45175, -2.60263],
    ["Market Square", 51.4545, -2.5879],
    ["Sibyl Mews", 51.45637, -2.56586],
    ["The Drive", 51.45989, -2.54558],
    ["Bonita Chase", 51.46172, -2.53092],
    ["Birch Road", 51.46818, -2.50837],
    ["Wisozk Walk", 51.4741, -2.49014],
    ["The Laurels", 51.47988, -2.47571],
  ],
}, {
  "name": "Airport Line",
  "stations": [
    ["Coronation Road", 51.49185, -2.65684],
    ["Lukas Wood", 51.4814, -2.64193],
    ["Anika Close", 51.47054, -2.62671],
    ["Corwin Crescent", 51.46491, -2.6135],
    ["Marian Park", 51.45888, -2.60067],
    ["Market Square", 51.4545, -2.5879],
    ["Roselyn Approach", 51.45074, -2.57459],
    ["Nels Rise", 51.44684, -2.55191],
    ["Beechwood Avenue", 51.44363, -2.53505],
    ["Yost Road", 51.43952, -2.52154],
  ],
}, {
  "name": "Valley Line",
  "stations": [
    ["Woodlands Avenue", 51.52814, -2.60832],
    ["Rosamond Chase", 51.51693, -2.60031],
    ["Blind Lane", 51.50259, -2.59482],
    ["Hermann Corner", 51.49268, -2.59388],
    ["Oxford Street", 51.47958, -2.59167],
    ["Fourth Avenue", 51.47139, -2.59102],
    ["Market Square", 51.4545, -2.5879],
    ["Kellen Road", 51.44307, -2.58006],
    ["Manor Gardens", 51.43041, -2.57315],
    ["Birch Avenue", 51.41927, -2.56976],
    ["Deanna Square", 51.41003, -2.56658],
    ["Hudson Lane", 51.40006, -2.56403],
  ],
}];
