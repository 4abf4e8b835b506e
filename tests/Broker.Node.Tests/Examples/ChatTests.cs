using System.Threading.Channels;
using Broker.Client;
using Broker.Node.Tests.Processes;
using Chat;

namespace Broker.Node.Tests.Examples;

/// <summary>The example <c>examples/Chat</c> against a real node.</summary>
[Collection(ProcessCollection.Name)]
public sealed class ChatTests
{
    [Fact]
    public async Task Two_people_talk_by_address_and_hear_who_is_not_there()
    {
        await using var node = await NodeProcess.StartAsync();
        await using var annsClient = await node.ConnectAsync();
        await using var bobsClient = await node.ConnectAsync();
        var ann = new Person(annsClient, "ann");
        await ann.ExpectAsync("You are ann. Write 'address: text'.");
        ann.Say("bob: are you there?");
        await ann.ExpectAsync("! bob is not there");
        var bob = new Person(bobsClient, "bob");
        await bob.ExpectAsync("You are bob. Write 'address: text'.");
        ann.Say("bob: hello");
        await bob.ExpectAsync("ann: hello");
        bob.Say("ann: hi: you");
        await ann.ExpectAsync("bob: hi: you");
        ann.Say("nonsense");
        await ann.ExpectAsync("! write 'address: text'");

        await using var stranger = await node.ConnectAsync("admin");
        var thief = new Person(stranger, "ann");
        Assert.Contains("belongs to another user", await thief.ReadAsync(), StringComparison.Ordinal);
        Assert.False(await thief.Talking);

        ann.Leave();
        bob.Leave();
        Assert.True(await ann.Talking.WaitAsync(TimeSpan.FromSeconds(20)));
        Assert.True(await bob.Talking.WaitAsync(TimeSpan.FromSeconds(20)));
    }

    /// <summary>Somebody who types and reads.</summary>
    private sealed class Person
    {
        private readonly Lines _typed = new();
        private readonly Screen _screen = new();

        public Person(BrokerClient client, string address) => Talking = new Conversation(client, address).RunAsync(_typed, _screen);

        public Task<bool> Talking { get; }

        public void Say(string line) => _typed.Channel.Writer.TryWrite(line);

        public void Leave() => _typed.Channel.Writer.Complete();

        public async Task<string> ReadAsync() => await _screen.Channel.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20));

        public async Task ExpectAsync(string line) => Assert.Equal(line, await ReadAsync());
    }

    private sealed class Lines : StringReader
    {
        public Lines()
            : base("")
        {
        }

        public Channel<string> Channel { get; } = System.Threading.Channels.Channel.CreateUnbounded<string>();

        public override async Task<string?> ReadLineAsync() => await Channel.Reader.WaitToReadAsync() && Channel.Reader.TryRead(out var line) ? line : null;
    }

    private sealed class Screen : StringWriter
    {
        public Channel<string> Channel { get; } = System.Threading.Channels.Channel.CreateUnbounded<string>();

        public override void WriteLine(string? value) => Channel.Writer.TryWrite(value ?? "");

        public override Task WriteLineAsync(string? value)
        {
            WriteLine(value);
            return Task.CompletedTask;
        }
    }
}
