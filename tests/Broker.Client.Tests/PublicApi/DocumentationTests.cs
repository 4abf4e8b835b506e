using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Broker.Client.Extensions;

namespace Broker.Client.Tests.PublicApi;

/// <summary>docs/client.md has every option and instrument by its name.</summary>
public sealed partial class DocumentationTests
{
    [Theory]
    [InlineData(typeof(BrokerClientOptions))]
    [InlineData(typeof(PublishOptions))]
    [InlineData(typeof(PublisherOptions))]
    [InlineData(typeof(ConsumerOptions))]
    [InlineData(typeof(HandlerOptions))]
    [InlineData(typeof(QueueOptions))]
    [InlineData(typeof(ExchangeOptions))]
    [InlineData(typeof(BrokerConsumerSettings))]
    public void Every_option_is_documented(Type options)
    {
        var words = Word().Matches(Document()).Select(static match => match.Value).ToHashSet();
        var properties = options.GetProperties().Where(static property => property.SetMethod is not null).Select(static property => property.Name);
        Assert.Empty(properties.Except(words));
    }

    [Fact]
    public void Every_instrument_is_documented()
    {
        var names = new List<string>();
        using var listener = new MeterListener { InstrumentPublished = Note };
        listener.Start();
        RuntimeHelpers.RunClassConstructor(typeof(Client.Telemetry.ClientMetrics).TypeHandle);
        var document = Document().Replace("`broker.client.publisher.returned`, `.rejected`", "`broker.client.publisher.returned`, `broker.client.publisher.rejected`", StringComparison.Ordinal);
        Assert.True(names.Count >= 10, $"only {names.Count} instruments");
        Assert.Empty(names.FindAll(name => !document.Contains($"`{name}`", StringComparison.Ordinal)));

        void Note(Instrument instrument, MeterListener unused)
        {
            if (instrument.Meter.Name == BrokerTelemetry.MeterName)
            {
                lock (names)
                {
                    names.Add(instrument.Name);
                }
            }
        }
    }

    private static string Document([CallerFilePath] string here = "") =>
        File.ReadAllText(Path.Combine(Path.GetDirectoryName(here)!, "../../../docs/client.md"));

    [GeneratedRegex(@"\w+")]
    private static partial Regex Word();
}
