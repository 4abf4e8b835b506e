using Broker.Client.Extensions;
using Broker.Client.Tests.Scripted;
using Broker.Protocol;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Broker.Client.Tests.Extensions;

/// <summary>A client among a program's services: its settings, and its life.</summary>
public sealed class ClientProviderTests
{
    [Fact]
    public async Task The_client_connects_when_it_is_asked_for_and_says_goodbye_when_the_host_stops()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        await using var host = new TestHost(services => services.AddBrokerClient(settings => settings.Customize = _ => broker.Options));
        await host.StartAsync();
        var provider = host.Services.GetRequiredService<IBrokerClientProvider>();
        Assert.Null(provider.Current);
        var (first, second) = (provider.GetAsync().AsTask(), provider.GetAsync().AsTask());
        await broker.AcceptAsync();
        Assert.Equal("shop", broker.Hello.ClientName);
        var client = await Within.TimeAsync(first, "the client");
        Assert.Same(client, await Within.TimeAsync(second, "the same client"));
        Assert.Same(client, provider.Current);
        await Within.TimeAsync(host.StopAsync(), "the host's end");
        Assert.Equal((ErrorCode.NoError, "goodbye"), await broker.ClosedByClientAsync());
        await Assert.ThrowsAsync<ObjectDisposedException>(() => provider.GetAsync().AsTask());
    }

    [Fact]
    public async Task A_container_that_is_disposed_of_without_waiting_ends_the_client_too()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        var services = new ServiceCollection().AddLogging().AddBrokerClient(settings => settings.Customize = _ => broker.Options).BuildServiceProvider();
        var connecting = services.GetRequiredService<IBrokerClientProvider>().GetAsync().AsTask();
        await broker.AcceptAsync();
        await Within.TimeAsync(connecting, "the client");
        await Within.TimeAsync(Task.Run(services.Dispose), "the container's end");
        Assert.Equal(ErrorCode.NoError, (await broker.ClosedByClientAsync()).Code);
    }

    [Fact]
    public async Task A_wait_that_is_cancelled_and_a_failure_leave_the_next_one_to_try_again()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        var endpoints = broker.Options.Endpoints;
        BrokerEndpoint[] nowhere = [new("127.0.0.1", 1)];
        var connects = 0;
        await using var host = new TestHost(services => services.AddBrokerClient(
            settings => settings.Customize = _ => broker.Options with { Endpoints = connects++ > 1 ? endpoints : nowhere }));
        await host.StartAsync(); // which looks at the settings once
        var provider = host.Services.GetRequiredService<IBrokerClientProvider>();
        await Assert.ThrowsAsync<BrokerConnectionException>(() => Within.TimeAsync(provider.GetAsync().AsTask(), "the failure"));
        Assert.Contains(host.Log, static line => line.StartsWith("201 not connected: ", StringComparison.Ordinal));
        using var cancel = new CancellationTokenSource();
        var cancelled = provider.GetAsync(cancel.Token).AsTask();
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Within.TimeAsync(cancelled, "the cancellation"));
        var connecting = provider.GetAsync().AsTask();
        await broker.AcceptAsync();
        await Within.TimeAsync(connecting, "the client");
    }

    [Fact]
    public async Task A_client_that_has_closed_for_good_is_replaced()
    {
        await using var broker = await ScriptedBroker.StartAsync();
        await using var host = new TestHost(services => services.AddBrokerClient(settings => settings.Customize = _ => broker.Options));
        await host.StartAsync();
        var provider = host.Services.GetRequiredService<IBrokerClientProvider>();
        var connecting = provider.GetAsync().AsTask();
        await broker.AcceptAsync();
        var former = await Within.TimeAsync(connecting, "the client");
        await broker.Connection.CloseAsync((long)ErrorCode.AccessRefused, "user disabled");
        await Within.TimeAsync(former.Closed, "the end of the first");
        connecting = provider.GetAsync().AsTask();
        await broker.AcceptAsync();
        Assert.NotSame(former, await Within.TimeAsync(connecting, "another client"));
        Assert.Contains("205 the client is closed: connection lost: ACCESS_REFUSED: user disabled", host.Log);
    }

    [Fact]
    public async Task Keys_name_clients_of_their_own()
    {
        await using var one = await ScriptedBroker.StartAsync();
        await using var other = await ScriptedBroker.StartAsync();
        await using var host = new TestHost(services => services
            .AddBrokerClient(settings => settings.Customize = _ => one.Options)
            .AddKeyedBrokerClient("other", settings => settings.Customize = _ => other.Options));
        await host.StartAsync();
        var connecting = host.Services.GetRequiredService<IBrokerClientProvider>().GetAsync().AsTask();
        await one.AcceptAsync(new WelcomeFrame { NodeId = "one" });
        Assert.Equal("one", (await Within.TimeAsync(connecting, "the first")).NodeId);
        connecting = host.Services.GetRequiredKeyedService<IBrokerClientProvider>("other").GetAsync().AsTask();
        await other.AcceptAsync(new WelcomeFrame { NodeId = "other" });
        Assert.Equal("other", (await Within.TimeAsync(connecting, "the second")).NodeId);
        await Within.TimeAsync(host.StopAsync(), "the host's end");
        Assert.Equal(ErrorCode.NoError, (await one.ClosedByClientAsync()).Code);
        Assert.Equal(ErrorCode.NoError, (await other.ClosedByClientAsync()).Code);
    }

    [Fact]
    public void A_section_sets_what_it_names_and_code_has_the_last_word()
    {
        var options = Bind(
            new()
            {
                ["Endpoints:0"] = "node-1", ["Endpoints:1"] = "node-2:7500", ["Vhost"] = "shop", ["TrustedRootsFile"] = "ca.pem", ["RecoveryPatience"] = "00:01:00",
                ["RequestTimeout"] = "00:00:05", ["MaxMessageBytes"] = "65536", ["KeepEndpointOrder"] = "true", ["ClientName"] = "from the section",
            },
            settings => settings.ClientName = "from the code").ToOptions();
        Assert.Equal([new BrokerEndpoint("node-1"), new BrokerEndpoint("node-2", 7500)], options.Endpoints);
        Assert.Equal(("shop", "ca.pem", "from the code"), (options.Vhost, options.TrustedRootsFile, options.ClientName));
        Assert.Equal((TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(5), 65536, true), (
            options.RecoveryPatience, options.RequestTimeout, options.MaxMessageBytes, options.KeepEndpointOrder));
        Assert.Equal(new BrokerClientOptions().ConnectTimeout, options.ConnectTimeout);
    }

    [Fact]
    public void Every_simple_option_can_be_set_by_a_section()
    {
        string[] byCode = ["OnConnectionLost", "OnConnectionRecovered", "Tls", "Transport", "SharedPublisher", "TimeProvider"];
        Assert.Equal(
            typeof(BrokerClientOptions).GetProperties().Select(static property => property.Name).Except(byCode).Order(),
            typeof(BrokerClientSettings).GetProperties().Select(static property => property.Name).Except(["Customize"]).Order());
    }

    [Theory]
    [InlineData("Endpoints:0", "node-1:x", "'node-1:x' is no endpoint; write host:port")]
    [InlineData("TrustedRootsFile", null, "say which authorities to trust")]
    [InlineData("CertificateFile", "app.pem", "CertificateFile and PrivateKeyFile belong together")]
    [InlineData("RecoveryMinDelay", "00:00:00", "RecoveryMinDelay")]
    [InlineData("RequestTimeout", "-00:00:05", "RequestTimeout")]
    [InlineData("MaxMessageBytes", "12", "must be 1024 to 1073741824")]
    [InlineData("Endpoint", "node-1", "'Endpoint'")]
    public async Task Settings_that_cannot_be_stop_the_host_at_its_start_with_what_is_wrong(string name, string? value, string said)
    {
        var values = new Dictionary<string, string?> { ["TrustedRootsFile"] = "ca.pem", [name] = value };
        await using var host = new TestHost(services => services.AddBrokerClient(new ConfigurationBuilder().AddInMemoryCollection(values).Build()));
        var refused = await Assert.ThrowsAnyAsync<Exception>(host.StartAsync);
        Assert.True(refused is OptionsValidationException or InvalidOperationException, refused.GetType().Name);
        Assert.Contains(said, refused.Message, StringComparison.Ordinal);
    }

    private static BrokerClientSettings Bind(Dictionary<string, string?> values, Action<BrokerClientSettings> configure) => new ServiceCollection()
        .AddLogging()
        .AddBrokerClient(new ConfigurationBuilder().AddInMemoryCollection(values).Build(), configure)
        .BuildServiceProvider()
        .GetRequiredService<IOptions<BrokerClientSettings>>()
        .Value;
}
