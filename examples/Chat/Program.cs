// A chat by address: no queue, no exchange to declare.  dotnet run --project examples/Chat my-address [host:port] [folder of certificates]
using Broker.Client;
using Chat;

if (args.Length == 0)
{
    Console.Error.WriteLine("Say who you are: Chat my-address [host:port] [folder of certificates]");
    return 1;
}

var certificates = args.ElementAtOrDefault(2) ?? "data/certs";
await using var client = await BrokerClient.ConnectAsync(new BrokerClientOptions
{
    Endpoints = [BrokerEndpoint.Parse(args.ElementAtOrDefault(1) ?? "127.0.0.1:7400")],
    CertificateFile = Path.Combine(certificates, "client.pem"),
    PrivateKeyFile = Path.Combine(certificates, "client.key"),
    TrustedRootsFile = Path.Combine(certificates, "ca.pem"),
});
return await new Conversation(client, args[0]).RunAsync(Console.In, Console.Out) ? 0 : 1;
