console.log(JSON.stringify({ compass: 30, anchor: 120 }));
