namespace Broker.Client.Tests.Telemetry;

/// <summary>Whoever listens hears all clients of the process, and costs them all: no other test runs beside these.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public static class ListenerCollection
{
    public const string Name = "Listeners";
}
