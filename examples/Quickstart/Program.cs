// Publishes three messages and consumes them.  dotnet run --project examples/Quickstart [host:port] [folder of certificates]
using System.Text;
using Broker.Client;

var certificates = args.ElementAtOrDefault(1) ?? "data/certs";
await using var client = await BrokerClient.ConnectAsync(new BrokerClientOptions
{
    Endpoints = [BrokerEndpoint.Parse(args.ElementAtOrDefault(0) ?? "127.0.0.1:7400")],
    CertificateFile = Path.Combine(certificates, "client.pem"),
    PrivateKeyFile = Path.Combine(certificates, "client.key"),
    TrustedRootsFile = Path.Combine(certificates, "ca.pem"),
});
await client.DeclareQueueAsync("quickstart"); // durable, unless asked otherwise

await using (var publisher = await client.CreatePublisherAsync())
{
    foreach (var text in new[] { "one", "two", "three" })
    {
        await publisher.PublishAsync("", "quickstart", Encoding.UTF8.GetBytes(text)); // waits only while the window is full
    }

    await publisher.FlushAsync(); // now all three are on the disk
}

var left = 3;
await foreach (var message in client.ConsumeAsync("quickstart"))
{
    Console.WriteLine(Encoding.UTF8.GetString(message.Body.Span));
    await message.AckAsync();
    if (--left == 0)
    {
        break; // sends the acknowledgements, and returns to the queue what was not acknowledged
    }
}
