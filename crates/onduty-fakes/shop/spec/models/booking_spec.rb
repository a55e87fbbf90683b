RSpec.describe Booking do
  let(:venue) { create(:venue, zone: "Europe/Berlin") }
  let(:event) { create(:event, venue: venue, starts_at: Time.utc(2026, 3, 29, 1, 30)) }

  it "holds the seats for twelve minutes" do
    booking = Booking.create(customer: create(:customer), event: event, places: ["A1"])
    expect(booking.held_until).to be_within(1.second).of(12.minutes.from_now)
  end

  it "refuses more than eight seats" do
    expect { Booking.create(customer: create(:customer), event: event, places: ["A1"] * 9) }.to raise_error(ArgumentError)
  end

  it "keeps the venue's time zone" do
    booking = Booking.create(customer: create(:customer), event: event, places: ["A1"])
    expect(booking.starts_at.to_s).to eq "2026-03-29 03:30:00 +0200"
  end

  it "gives the seats back" do
    booking = create(:booking, event: event)
    booking.cancel!(by: "customer")
    expect(event.seats.free.count).to eq event.seats.count
  end
end
