using System.CommandLine;
using System.Net;
using Broker.Bench;
using Broker.Bench.Peers;
using Broker.Client;
using Broker.Transport;
using Broker.Transport.Auto;

var transportOption = new Option<string>("--transport") { Description = "auto, msquic or ngtcp2", DefaultValueFactory = _ => "auto" };
var secondsOption = new Option<double>("--seconds") { Description = "Length of one measurement", DefaultValueFactory = _ => 5 };
var runsOption = new Option<int>("--runs") { Description = "How often each is measured", DefaultValueFactory = _ => 3 };
var certificatesOption = new Option<DirectoryInfo>("--certs") { Description = "Folder with development certificates", Required = true };
var onlyOption = new Option<string>("--only") { Description = "Substring of the measurements to take", DefaultValueFactory = _ => "" };

var nodeOption = new Option<FileInfo>("--node") { Description = "Broker.Node.dll, as built in Release", Required = true };

var rawServer = new Command("raw-server", "The other side of the raw measurements; started by 'run'.") { transportOption, certificatesOption };
rawServer.SetAction(async (parsed, cancellationToken) =>
{
    await using var transport = QuicTransports.Create(parsed.GetValue(transportOption)!);
    await using var listener = await transport.ListenAsync(new QuicListenerOptions
    {
        EndPoint = new IPEndPoint(IPAddress.Loopback, 0),
        ApplicationProtocols = ["bench"],
        Tls = BenchSuite.Tls(parsed.GetValue(certificatesOption)!, "server"),
    }, cancellationToken);
    Console.WriteLine($"listening on {listener.LocalEndPoint}");
    await RawServer.RunAsync(listener);
});

var run = new Command("run", "Starts a node and a load, measures, and prints a table.") { transportOption, certificatesOption, nodeOption, secondsOption, runsOption, onlyOption };
run.SetAction(async (parsed, _) =>
{
    var suite = new BenchSuite(
        parsed.GetValue(transportOption)!,
        parsed.GetValue(certificatesOption)!,
        parsed.GetValue(nodeOption)!,
        parsed.GetValue(secondsOption),
        parsed.GetValue(runsOption),
        parsed.GetValue(onlyOption)!);
    await suite.RunAsync();
});

var addressesOption = new Option<string[]>("--address") { Description = "Address of a node; once for each", Required = true };
var processesOption = new Option<int[]>("--process") { Description = "Process of a node; once for each", Required = true };
var preferLeaderOption = new Option<bool>("--prefer-leader") { Description = "Measure clients of another node that go to the leader by themselves, too" };
var cluster = new Command("cluster", "Measures a cluster that runs on this machine.") { certificatesOption, addressesOption, processesOption, secondsOption, runsOption, preferLeaderOption };
cluster.SetAction(async (parsed, _) => await new ClusterBench(
    [.. parsed.GetValue(addressesOption)!.Select(BrokerEndpoint.Parse)],
    parsed.GetValue(processesOption)!,
    parsed.GetValue(certificatesOption)!,
    parsed.GetValue(secondsOption),
    parsed.GetValue(runsOption),
    parsed.GetValue(preferLeaderOption)).RunAsync());

var routesOption = new Option<int>("--routes") { Description = "Messages of one measurement", DefaultValueFactory = _ => 200_000 };
var routing = new Command("routing", "Measures how a topic exchange finds queues, without a node.") { routesOption, runsOption };
routing.SetAction(parsed => new RoutingBench(parsed.GetValue(routesOption), parsed.GetValue(runsOption)).Run());

var peer = PeerCommands.Peer(addressesOption, processesOption, secondsOption);
return await new RootCommand("Measures the broker and what it stands on.") { rawServer, run, cluster, peer, PeerCommands.Comparison(), routing }.Parse(args)
    .InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
